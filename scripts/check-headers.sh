#!/usr/bin/env bash
# Compiles each public header alone, on both compilers, with the warnings that users may have as errors. A configured
# build directory must be there, for the generated <eventy/config.hpp>.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
generated=$(dirname "$(ls -d build/*/include/eventy/config.hpp | head -n 1)")/..
flags=(-std=c++20 -fsyntax-only -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -Iinclude -I"$generated" -x c++ -)

check() { # compiler header flags...
    local compiler=$1 header=$2
    shift 2
    if ! echo "#include <$header>" | "$compiler" "$@"; then
        echo "<$header> does not compile alone with $compiler" >&2
        return 1
    fi
}
export -f check

for compiler in g++ clang++-19; do
    find include -name '*.hpp' -printf '%P\0' | sort -z |
        xargs -0 -P "$(nproc)" -I{} bash -c 'check "$@"' _ "$compiler" {} "${flags[@]}"
done
echo "$(find include -name '*.hpp' | wc -l) public headers compile alone on both compilers"
