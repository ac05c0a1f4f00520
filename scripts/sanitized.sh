#!/usr/bin/env bash
# sanitized.sh COMMAND...: runs it with the sanitizers' options of this project.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1"
export UBSAN_OPTIONS="print_stacktrace=1"
export TSAN_OPTIONS="suppressions=$here/tsan-suppressions.txt:second_deadlock_stack=1"
# GCC 12's ThreadSanitizer knows fixed memory layouts only, and newer kernels randomise further than those.
if setarch "$(uname -m)" -R true 2>/dev/null; then
    exec setarch "$(uname -m)" -R "$@"
fi
exec "$@"
