#!/usr/bin/env bash
# Installs Debian packages as root without leaving a service behind: Debian starts mosquitto, haproxy and a PostgreSQL cluster
# on installation and at boot, but the hub and the tests start their own, on their own ports.
set -euo pipefail
policy=/usr/sbin/policy-rc.d

if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$@" >/dev/null

for service in mosquitto postgresql haproxy; do
    [[ " $* " == *" $service "* ]] || continue
    systemctl disable --now --quiet "$service" >/dev/null 2>&1 || true
done
