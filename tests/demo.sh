#!/bin/bash
# Shows the whole way of a SCSI command, on a machine without Xen: installs what is missing,
# builds, starts the embedded host and the backend daemon in a temporary directory, creates a
# guest with a file-backed disk, uses the disk as the guest, and stops what it started.
#
#   tests/demo.sh [--keep]     --keep: leaves it running and says how to go on
#
# PVSCSI_BUILD: build directory (default: build in the project).
set -euo pipefail
cd "$(dirname "$0")/.."

keep=
case ${1:-} in
'') ;;
--keep) keep=1 ;;
-h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
*) echo "unknown argument '$1'; try --help" >&2; exit 2 ;;
esac

build=${PVSCSI_BUILD:-$PWD/build}
step=0
say() { step=$((step + 1)); printf '\n%d. %s\n' "$step" "$*"; }
# Shows a command as one would type it, runs it, and indents what it prints.
run() {
    printf '   $ %s\n' "${*//"$BED_DIR"\//}"
    (cd "$BED_DIR" && "$@" 2>&1) | sed 's/^/     /'
}
in_guest() { run pvscsi-run demo -- "$@"; }

echo 'pvscsi demo: SCSI for Xen guests in user space, here on the embedded host'

say 'Build. What is missing of Debian'\''s packages is installed first.'
tests/install-packages.sh
log=$(mktemp)
if ! { { [ -f "$build/build.ninja" ] || meson setup "$build" -Dwerror=true; } &&
    ninja -C "$build"; } >"$log" 2>&1; then
    tail -n 40 "$log"
    rm -f "$log"
    exit 1
fi
rm -f "$log"
echo '   done'

# Whatever happens, what was started is stopped.
BUILD=$build
# shellcheck source=tests/support/bed.sh
. tests/support/bed.sh
finish() {
    local status=$?
    trap - EXIT
    bed_stop || status=1
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

say 'Start the embedded host (xenstore, grants, event channels) and the backend daemon.'
# shellcheck disable=SC2119  # no options for the daemon
bed_start
echo "   pvscsi-hostd and pvscsid run in $BED_DIR"

say 'A guest with a disk, in an ordinary xl configuration file.'
truncate -s 1G "$BED_DIR/disk.img"
cat >"$BED_DIR/demo.cfg" <<CFG
name = "demo"
memory = 256
vscsi = [ 'file:$BED_DIR/disk.img,0:0:0:0,name=disk' ]
CFG
run cat demo.cfg
run pvscsictl create demo.cfg

say 'What the toolstack and the daemon wrote into the store, read with Xen'\''s own tool.'
run xenstore-ls /local/domain/0/backend/vscsi

say 'Unmodified SCSI programs, run as the guest. Their commands go over the PVSCSI ring.'
in_guest sg_inq /dev/pvscsi/0:0:0:0
in_guest sg_readcap -16 /dev/pvscsi/0:0:0:0

say 'Write 64 MiB of random data and read them back.'
head -c 64M /dev/urandom >"$BED_DIR/written"
in_guest sg_dd if=written of=/dev/pvscsi/0:0:0:0 bs=512 bpt=256
in_guest sg_dd if=/dev/pvscsi/0:0:0:0 of=read bs=512 bpt=256 count=131072
run sha256sum written read
if ! cmp -s "$BED_DIR/written" "$BED_DIR/read"; then
    echo '   the data differ'
    exit 1
fi
if ! cmp -s -n 67108864 "$BED_DIR/written" "$BED_DIR/disk.img"; then
    echo '   the data are not in disk.img'
    exit 1
fi
echo '   equal, and the same bytes are in disk.img'
rm -f "$BED_DIR/written" "$BED_DIR/read"

say 'Add a second disk while the guest uses the first, and list what it has.'
in_guest bash -c 'pvscsictl attach demo ram:64M,0:0:1:0,name=scratch &&
     sg_turs -v /dev/pvscsi/0:0:1:0 && pvscsictl list && pvscsictl list --json'

if [ -n "$keep" ]; then
    trap - EXIT
    cat <<TEXT

It is left running. To go on:
   export PVSCSI_HOST=$BED_DIR XENSTORED_PATH=$BED_DIR/xenstored
   PATH=$BUILD/backend:$BUILD/backend/ctl:$BUILD/frontend/run:$BUILD/frontend/bench:\$PATH
   pvscsi-run demo -- bash       # a shell in which the guest's disks are /dev/pvscsi/H:C:T:L
   pvscsictl list                # what the guests have
   xenstore-ls -f                # the store
To end it:
   kill $BED_DAEMON $BED_HOSTD; rm -rf $BED_DIR
TEXT
    exit 0
fi

say 'Stop: the guest, the daemon, the host.'
run pvscsictl destroy demo
bed_stop
trap - EXIT
echo '   nothing is left behind'
