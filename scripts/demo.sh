#!/usr/bin/env bash
# demo.sh EVENTY: the main job, on real input. One process publishes a week of earthquakes, two worker processes share
# the work: for each event a worker runs a command, here a line of shell that notes the earthquake in the worker's own
# list. Everything lives in a temporary folder, around a private redis-server on a Unix socket, and goes with it.
# With KEEP=1 it waits at the end, so that you can look around.
set -euo pipefail
eventy=$1
events="$(dirname "${BASH_SOURCE[0]}")/../examples/data/earthquakes.ndjson"
type=Earthquake

folder=$(mktemp -d "${TMPDIR:-/tmp}/eventy-demo.XXXXXX")
server=
workers=()
finish() {
    for pid in "${workers[@]}" $server; do
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
    done
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    echo "demo: $*" >&2
    tail -n 5 "$folder"/*.log >&2 2>/dev/null || true
    exit 1
}

# -- a private server -------------------------------------------------------------------------------------------------
export EVENTY_REDIS_URL="unix://$folder/redis.sock"
redis-server --port 0 --unixsocket "$folder/redis.sock" --save '' --dir "$folder" --logfile "$folder/redis.log" &
server=$!
until [ -S "$folder/redis.sock" ]; do
    kill -0 "$server" 2>/dev/null || fail "redis-server did not start"
    sleep 0.05
done

# -- two workers ------------------------------------------------------------------------------------------------------
note='read -r quake; echo "$EVENTY_EVENT_ID $quake" >>"$1"'
for n in 1 2; do
    : >"$folder/worker-$n.list"
    "$eventy" work "$type" --concurrency 2 -- sh -c "$note" worker "$folder/worker-$n.list" 2>"$folder/worker-$n.log" &
    workers+=($!)
done

# -- one publisher ----------------------------------------------------------------------------------------------------
total=$(wc -l <"$events")
begin=$(date +%s%N)
"$eventy" publish "$type" "$events" || fail "publishing failed"

# -- until everything is processed ------------------------------------------------------------------------------------
progress() { # done
    local filled=$(($1 * 40 / total))
    printf '\r[%s%s] %d of %d processed' "$(printf '%*s' "$filled" '' | tr ' ' '#')" "$(printf '%*s' $((40 - filled)) '')" \
        "$1" "$total" >&2
}
for ((look = 0; ; ++look)); do
    processed=$("$eventy" count "$type" --status processed) || fail "cannot count the events"
    [ ! -t 2 ] || progress "$processed"
    [ "$processed" -lt "$total" ] || break
    [ "$look" -lt 1200 ] || fail "only $processed of $total were processed"
    for pid in "${workers[@]}"; do
        kill -0 "$pid" 2>/dev/null || fail "a worker ended before its work was done"
    done
    sleep 0.1
done
milliseconds=$((($(date +%s%N) - begin) / 1000000))
[ ! -t 2 ] || echo >&2

# -- what came of it --------------------------------------------------------------------------------------------------
lines() { wc -l <"$1"; }
echo
echo "Published and processed $total earthquakes in $((milliseconds / 1000)).$(printf %03d $((milliseconds % 1000))) s"
for n in 1 2; do
    echo "  worker $n processed   $(lines "$folder/worker-$n.list")"
done
handled=$(cat "$folder"/worker-?.list | cut -d ' ' -f 1 | sort -un | wc -l)
calls=$(cat "$folder"/worker-?.list | wc -l)
echo "  different events     $handled, in $calls runs of the workers' command"
for status in pending processing processed error; do
    printf '  status %-10s    %s\n' "$status" "$("$eventy" count "$type" --status "$status")"
done
[ "$handled" = "$total" ] && [ "$calls" = "$total" ] || fail "not every event was handled exactly once"

echo
if [ "${KEEP:-}" = 1 ]; then
    echo "To look around, in another terminal:"
    echo "  export EVENTY_REDIS_URL=$EVENTY_REDIS_URL"
    echo "  $eventy search $type --limit 3"
    echo "  $eventy stats $type"
    echo "  redis-cli -s $folder/redis.sock HGETALL eventy:events:$type:1"
    read -r -p "Enter ends the server, the workers and this demo. " _ || true
else
    echo "To look further:"
    echo "  make demo KEEP=1         # the same, and everything stays until you press Enter"
    echo "  $eventy --help"
fi
for pid in "${workers[@]}"; do
    kill -TERM "$pid"
    wait "$pid" || fail "a worker did not end well"
done
workers=()
