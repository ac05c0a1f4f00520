#!/usr/bin/env bash
# with_redis.sh COMMAND ARGS...: runs the command with EVENTY_REDIS_URL naming a private, empty redis-server on a Unix
# socket (its path alone is in REDIS_SOCKET), and ends the server. Exits as the command does.
set -euo pipefail
folder=$(mktemp -d "${TMPDIR:-/tmp}/eventy-docs.XXXXXX")
server=
finish() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true
    fi
    rm -rf "$folder"
}
trap finish EXIT
redis-server --port 0 --unixsocket "$folder/redis.sock" --save '' --dir "$folder" --logfile "$folder/redis.log" &
server=$!
export REDIS_SOCKET="$folder/redis.sock" EVENTY_REDIS_URL="unix://$folder/redis.sock"
until [ "$(redis-cli -s "$REDIS_SOCKET" PING 2>/dev/null)" = PONG ]; do
    kill -0 "$server" 2>/dev/null || { cat "$folder/redis.log" >&2; exit 1; }
    sleep 0.05
done
"$@"
