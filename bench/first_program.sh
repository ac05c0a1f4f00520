#!/usr/bin/env bash
# first_program.sh [BUILD] [ROUNDS]: how long the first program of the README takes to compile, not optimised: the median
# and the range of ROUNDS (5), and the processor time in it, which other programs change less. Beside it the same for
# nothing but <nlohmann/json.hpp>, which the program has in it: what this machine does now. BUILD (build/release) has the
# generated headers. CXX chooses the compiler.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${1:-build/release} rounds=${2:-5} compiler=${CXX:-g++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 tests/docs/extract.py README.md "$work"
echo '#include <nlohmann/json.hpp>' >"$work/json_alone.cpp"
LC_ALL=C TIMEFORMAT='%R %U %S'

compile() { # name of a source file
    "$compiler" -std=c++20 -O0 -Iinclude -I"$build/include" -c "$work/$1.cpp" -o "$work/$1.o"
}
row() { # words: of the seconds on stdin
    sort -n | awk -v words="$1" '{ s[NR] = $1 } END {
        printf "%-44s %12.1f %-12s (%.1f to %.1f)\n", words, s[int((NR + 1) / 2)], "s", s[1], s[NR] }'
}

for ((round = 0; round < rounds; ++round)); do
    for name in first_program json_alone; do
        { time compile "$name" 2>&3; } 3>&2 2>>"$work/$name"
    done
done
for name in first_program json_alone; do
    awk '{ print $1 }' "$work/$name" | row "$compiler -O0, ${name/_/ }"
    awk '{ print $2 + $3 }' "$work/$name" | row "$compiler -O0, ${name/_/ }, processor time"
done
