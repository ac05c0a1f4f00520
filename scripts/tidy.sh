#!/usr/bin/env bash
# tidy.sh BUILD_DIR [SECONDS]: clang-tidy (.clang-tidy) over the library's and the command's sources, as configured in
# BUILD_DIR, the ones changed last first. After SECONDS (default: as long as it takes) it stops, and says how many files it
# did not get to.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$1
seconds=${2:-0}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mapfile -t files < <({
    git ls-files --others --modified --exclude-standard -- 'src/*.cpp' 'tools/*.cpp'
    git log --format= --name-only -- 'src/*.cpp' 'tools/*.cpp'
    git ls-files -- 'src/*.cpp' 'tools/*.cpp'
} | awk '!seen[$0]++' | while read -r file; do [ ! -f "$file" ] || echo "$file"; done)
# Each file in a process of its own: at the time's end those that are done have left a mark.
tidy_one() {
    if clang-tidy-19 --quiet -p "$1" "$3" 2>/dev/null; then
        touch "$2/$(echo "$3" | tr / _).good"
    else
        touch "$2/$(echo "$3" | tr / _).bad"
    fi
}
export -f tidy_one
printf '%s\0' "${files[@]}" |
    timeout "$seconds" xargs -0 -P "$(nproc)" -I{} bash -c 'tidy_one "$@"' _ "$build" "$work" {} || true

good=$(find "$work" -name '*.good' | wc -l)
bad=$(find "$work" -name '*.bad' | wc -l)
echo "clang-tidy: ${#files[@]} files, $good clean, $bad with findings, $((${#files[@]} - good - bad)) not looked at"
[ "$bad" = 0 ]
