#!/usr/bin/env bash
# two_workers.sh EVENTY [COUNT]: one publisher and two worker processes over many events on a private redis-server. Every
# event must be handled exactly once, all must be PROCESSED, and no key may be left but those that docs/keys-and-scripts.md
# names, each with a TTL or an owner.
set -euo pipefail
eventy=$1
count=${2:-100000}
folder=$(mktemp -d "${TMPDIR:-/tmp}/eventy-load.XXXXXX")
pids=()
finish() {
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
    done
    rm -rf "$folder"
}
trap finish EXIT
fail() {
    echo "FAILED: $*" >&2
    tail -n 5 "$folder"/*.log >&2 || true
    exit 1
}
redis() { redis-cli -s "$folder/redis.sock" "$@"; }

redis-server --port 0 --unixsocket "$folder/redis.sock" --save '' --dir "$folder" --logfile "$folder/redis.log" &
pids+=($!)
for ((i = 0; i < 600; ++i)); do
    [ "$(redis PING 2>/dev/null)" = PONG ] && break
    sleep 0.05
done
export EVENTY_REDIS_URL="unix://$folder/redis.sock"

workers=()
for n in 1 2; do
    "$eventy" work Load --print --concurrency 2 >"$folder/handled-$n" 2>"$folder/worker-$n.log" &
    workers+=($!)
    pids+=($!)
done
seq -f '{"n": %.0f}' 1 "$count" | "$eventy" publish Load - || fail "publishing"

deadline=$((SECONDS + 240))
until [ "$("$eventy" count Load --status processed)" = "$count" ]; do
    [ "$SECONDS" -lt "$deadline" ] || fail "$("$eventy" stats Load)"
    sleep 0.2
done
for pid in "${workers[@]}"; do
    kill -TERM "$pid"
    wait "$pid" || fail "a worker ended with status $?"
done

lines=$(cat "$folder"/handled-? | wc -l)
different=$(cat "$folder"/handled-? | sort -u | wc -l)
echo "handled $lines times, $different different events; by worker: $(wc -l <"$folder/handled-1") and $(wc -l <"$folder/handled-2")"
[ "$lines" = "$count" ] || fail "handled $lines times instead of $count"
[ "$different" = "$count" ] || fail "$different different events instead of $count"
for status in pending processing error; do
    [ "$("$eventy" count Load --status $status)" = 0 ] || fail "some are $status"
done

# What is left: the events, and the keys of the type. Subscribers are gone, and call records have a TTL.
redis --scan >"$folder/keys"
events=$(grep -c '^eventy:events:Load:[0-9]*$' "$folder/keys")
[ "$events" = "$count" ] || fail "$events event keys"
others=$(grep -v '^eventy:events:Load:[0-9]*$' "$folder/keys" | sort)
echo "other keys: $(echo "$others" | tr '\n' ' ')"
unknown=$(echo "$others" | grep -vE '^eventy:(counter|index|meta|groups|idle|workers|queue_types):?(Load)?$|^eventy:(wake|leases|held|delayed|open|dead):Load:default$|^eventy:calls:Load:[0-9a-f]+$' || true)
[ -z "$unknown" ] || fail "keys that nobody owns: $unknown"
for key in $(echo "$others" | grep '^eventy:calls:' || true) eventy:events:Load:1 "eventy:events:Load:$count"; do
    [ "$(redis PTTL "$key")" -gt 0 ] || fail "$key has no TTL"
done
for key in eventy:counter:Load eventy:index:Load eventy:meta:Load eventy:groups:Load; do
    [ "$(redis PTTL "$key")" = -1 ] || fail "$key has a TTL"
done
[ "$(redis ZCARD eventy:leases:Load:default)" = 0 ] || fail "leases are left"
[ "$(redis HLEN eventy:held:Load:default)" = 0 ] || fail "something is held"
