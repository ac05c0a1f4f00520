#!/usr/bin/env bash
# tidy.sh: clang-tidy (.clang-tidy) over the library's and the command's sources, each by itself, as the preset clang
# compiles them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=build/clang
cmake --log-level=WARNING --preset clang >/dev/null
cmake --build "$build" --target eventy_scripts >/dev/null
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
