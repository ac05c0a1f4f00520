#!/usr/bin/env bash
# format.sh [--check]: rewrites the sources in the project's format, or says where they differ from it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mode=(-i)
if [ "${1:-}" = --check ]; then
    mode=(--dry-run --Werror)
fi
git ls-files -z --cached --others --exclude-standard '*.hpp' '*.cpp' | xargs -0 -n 20 -P "$(nproc)" clang-format-19 "${mode[@]}"
