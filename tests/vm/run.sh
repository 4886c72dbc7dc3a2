#!/bin/bash
# Runs the cases in tests/vm/cases inside a virtual machine with a real SCSI subsystem.
#
#   tests/vm/run.sh [--list] [--only NAME]... [--keep] [--shell]
#
# BUILD names the build folder (default: build). A case is a bash script that exits 0 when all is
# well and 77, with the reason as its last line, when it can't be run; a line "# seconds: N" gives
# it another time limit than the usual one. Cases share a boot; one that kills or hangs the
# machine has failed and the others go on in a new one.
set -euo pipefail
# shellcheck source=tests/vm/bed.sh
. "$(dirname "$0")/bed.sh"
cases_dir=$vm_dir/cases usual_seconds=150 boot_seconds=60
# shellcheck source=tests/support/machine.sh
. "$vm_top/tests/support/machine.sh"

machine_options "$@"
build=$(realpath -e "${BUILD:-$vm_top/build}") || { echo "build the project first (BUILD names the folder)" >&2; exit 2; }
machine_programs qemu-system-x86_64 busybox cpio modprobe depmod sg_inq lsscsi fio

vm_build
machine_job pvscsi-vm
cp -r "$vm_dir/cases" "$vm_dir/guest/lib.sh" "$vm_top/backend/service/pvscsi.rules" "$vm_top"/tests/support/{bed,case}.sh "$job"
image_our_programs "$build" "$job/programs.cpio.gz" test-sg-live
cat "$vm_cache/base.cpio.gz" "$job/programs.cpio.gz" >"$job/initramfs"
machine_boot() { vm_boot "$job/initramfs" "$job" "$1"; }

if $shell; then
    (vm_serial=mon:stdio machine_boot 86400)
    exit
fi
machine_cases
