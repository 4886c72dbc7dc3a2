#!/bin/bash
# Runs the cases in tests/xen/cases on a real Xen, in an emulated machine.
#
#   tests/xen/run.sh [--list] [--only NAME]... [--keep] [--shell]
#
# BUILD names the build folder (default: build); GUEST_KERNEL=linux-image-... and
# DOM0_KERNEL=... other kernel packages than Debian's usual one. A case is a bash script that
# runs in dom0, with the functions of lib.sh; README.md says how to add one. The logs of a case
# that failed are kept, and said where.
set -euo pipefail
# shellcheck source=tests/xen/bed.sh
. "$(dirname "$0")/bed.sh"
cases_dir=$xen_dir/cases usual_seconds=240 boot_seconds=120
# shellcheck source=tests/support/machine.sh
. "$xen_top/tests/support/machine.sh"

machine_options "$@"
build=$(realpath -e "${BUILD:-$xen_top/build}") || { echo "build the project first (BUILD names the folder)" >&2; exit 2; }
machine_programs qemu-system-x86_64 busybox cpio lz4 modprobe depmod debootstrap mke2fs fio sg_inq lsscsi python3 zstd

xen_build
machine_job pvscsi-xen
cp -r "$xen_dir"/cases "$xen_dir"/lib*.sh "$xen_top"/tests/support/{bed,case}.sh "$job"
cp "$xen_dir/dom0/init" "$job/dom0-init"
mkdir "$job/guest"
cp "$xen_dir"/guest/* "$job/guest"
image_pack "$job/guest" "$job/guest.cpio"
image_our_programs "$build" "$job/programs.cpio.gz" test-contract test-hostile
machine_boot() { xen_boot "$job" "$1"; }

if $shell; then
    (xen_serial=mon:stdio machine_boot 86400)
    exit
fi
machine_cases
