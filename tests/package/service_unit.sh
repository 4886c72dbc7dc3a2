#!/bin/bash
# service_unit.sh UNIT PROGRAM: systemd understands the unit, and calls it exposed at 2.0 or less.
# 77 where there is no systemd-analyze.
set -u
unit=$1 program=$(realpath "$2")
command -v systemd-analyze >/dev/null || { echo "systemd-analyze is not here"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# What it starts is not installed yet.
sed "s|^ExecStart=.*|ExecStart=$program|" "$unit" >"$dir/pvscsid.service"

said=$(systemd-analyze verify --man=no "$dir/pvscsid.service" 2>&1)
if [ -n "$said" ]; then
    echo "systemd-analyze verify says:"
    echo "$said"
    exit 1
fi
if ! said=$(systemd-analyze security --no-pager --offline=true --threshold=20 "$dir/pvscsid.service" 2>&1); then
    echo "$said" | grep -a '✗\|Overall'
    exit 1
fi
tail -n 1 <<<"$said"
