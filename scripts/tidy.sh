#!/usr/bin/env bash
# tidy.sh BUILD_DIR: clang-tidy (.clang-tidy) over the library's and the command's sources, as configured in BUILD_DIR.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mapfile -t files < <(git ls-files --cached --others --exclude-standard -- 'src/*.cpp' 'tools/*.cpp')
# Each file in a process of its own: it leaves a mark for each with findings.
tidy_one() {
    clang-tidy-19 --quiet -p "$1" "$3" 2>/dev/null || touch "$2/$(echo "$3" | tr / _)"
}
export -f tidy_one
printf '%s\0' "${files[@]}" | xargs -0 -P "$(nproc)" -I{} bash -c 'tidy_one "$@"' _ "$build" "$work" {}

bad=$(find "$work" -type f | wc -l)
echo "clang-tidy: ${#files[@]} files, $bad with findings"
[ "$bad" = 0 ]
