#!/usr/bin/env bash
# fuzz.sh [SECONDS [TARGET...]]: runs each fuzzer of build/fuzz for so long (10 s), beginning with the kept inputs of
# tests/fuzz/corpus. What it finds that covers more stays in build/fuzz/found; an input that breaks something is kept in
# build/fuzz/crashes and its name printed: mend the fault, and move the input into the corpus.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:-10}
shift || true
build=build/fuzz
corpus=tests/fuzz/corpus
mkdir -p $build/crashes
failed=0

for fuzzer in $build/tests/fuzz/fuzz_*; do
    target=${fuzzer##*/fuzz_}
    if [ ! -x "$fuzzer" ] || [ -d "$fuzzer" ] || { [ $# -gt 0 ] && [[ " $* " != *" $target "* ]]; }; then
        continue
    fi
    mkdir -p "$build/found/$target"
    options=(-max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 -print_final_stats=1 -use_value_profile=1
        -artifact_prefix="$build/crashes/$target-")
    if [ -e "tests/fuzz/$target.dict" ]; then
        options+=(-dict="tests/fuzz/$target.dict")
    fi
    log=$build/$target.log
    if "$fuzzer" "${options[@]}" "$build/found/$target" "$corpus/$target" >"$log" 2>&1; then
        awk -v target="$target" '
            /cov: / { for (i = 1; i < NF; ++i) if ($i == "cov:") { if (!first && /INITED/) first = $(i + 1); last = $(i + 1) } }
            /stat::number_of_executed_units/ { runs = $2 }
            END { printf "%-10s %10d runs, coverage %d, %d at the beginning\n", target, runs, last, first }' "$log"
    else
        failed=1
        echo "$target: FAILED"
        tail -n 60 "$log"
    fi
done
exit $failed
