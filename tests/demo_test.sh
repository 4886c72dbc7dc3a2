#!/bin/bash
# tests/demo.sh as a suite: what it shows, that it leaves nothing behind, that --keep keeps.
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/support/checks.sh
. tests/support/checks.sh
export PVSCSI_BUILD=${BUILD:-$PWD/build}
unset PVSCSI_HOST XENSTORED_PATH

TMPDIR=$(mktemp -d)
export TMPDIR
out=$TMPDIR.out
trap 'rm -rf "$TMPDIR" "$out"' EXIT

in_output() {
    local text
    for text in "$@"; do
        grep -qF -- "$text" "$out" || { echo "missing in the output: $text"; return 1; }
    done
}
processes() { pgrep -af -- "$TMPDIR/pvscsi-bed"; }
nothing_left() { [ -z "$(ls -A "$TMPDIR")" ] && ! processes; }
two_running() { [ "$(processes | wc -l)" = 2 ]; }
goes_on() {
    local host
    host=$(sed -n 's/^ *export PVSCSI_HOST=\([^ ]*\).*/\1/p' "$out")
    "$PVSCSI_BUILD/frontend/run/pvscsi-run" --host "$host" demo -- \
        bash -c 'sg_turs /dev/pvscsi/0:0:0:0 && sg_turs /dev/pvscsi/0:0:1:0'
}
# The command that the demo itself gives.
ends() {
    local kill pids
    kill=$(sed -n 's/^ *\(kill [0-9 ]*; rm -rf .*\)/\1/p' "$out")
    pids=$(processes | awk '{ print $1 }')
    bash -c "$kill" || return 1
    for pid in $pids; do timeout 20 tail --pid="$pid" -s 0.05 -f /dev/null || return 1; done
}

demo() { tests/demo.sh "$@" >"$out" 2>&1 || { cat "$out"; return 1; }; }
check demo-runs demo
check demo-shows-the-device in_output 'Vendor identification: PVSCSI' 'Device size: 1073741824'
check demo-compares-the-data in_output 'equal, and the same bytes are in disk.img'
check demo-lists-the-luns in_output '"state": "connected"' 'connected  ram'
check demo-leaves-nothing nothing_left
check demo-keeps demo --keep
check demo-kept-two-daemons two_running
check demo-kept-can-be-used goes_on
check demo-kept-can-be-ended ends
check demo-kept-leaves-nothing nothing_left
checks_end
