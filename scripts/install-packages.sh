#!/usr/bin/env bash
# install-packages.sh SECTION...: installs what is missing of these sections of packages.txt. When nothing is missing it
# does nothing, needs no rights and no network.
set -euo pipefail
list="$(dirname "${BASH_SOURCE[0]}")/packages.txt"

packages_of() { # section
    awk -v wanted="[$1]" '{ sub(/#.*/, ""); gsub(/[ \t]+$/, "") } /^\[/ { here = ($0 == wanted); next } here && NF' "$list"
}

if ! command -v dpkg-query >/dev/null; then
    echo "Not a Debian system: nothing installed. Needed are (Debian's names):" $(for s in "$@"; do packages_of "$s"; done) >&2
    exit 0
fi

missing=()
for section in "$@"; do
    for package in $(packages_of "$section"); do
        if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" != installed ]; then
            missing+=("$package")
        fi
    done
done
[ ${#missing[@]} -gt 0 ] || exit 0

mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
echo "Installing: ${missing[*]}"
as_root=()
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "These packages are missing and neither root nor sudo is at hand:  apt-get install ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi

# redis-server would start a service on the usual port; what we need is the program only. A policy that says "not now"
# to service starts keeps it from that, and goes again.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
fi
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
