#!/bin/bash
# Runs the cases in tests/xen/cases on a real Xen, in an emulated machine.
#
#   tests/xen/run.sh [--list] [--only NAME]... [--keep] [--shell]
#
# BUILD names the build folder (default: build); GUEST_KERNEL=linux-image-... and
# DOM0_KERNEL=... other kernel packages than Debian's usual one; PACKAGES a folder with the project's
# packages; they are built, and kept there, if there is none. A case is a bash script that
# runs in dom0, with the functions of lib.sh; README.md says how to add one. The logs of a case
# that failed are kept, and said where.
set -euo pipefail
# shellcheck source=tests/xen/bed.sh
. "$(dirname "$0")/bed.sh"
# shellcheck source=tests/support/packages.sh
. "$xen_top/tests/support/packages.sh"
cases_dir=$xen_dir/cases usual_seconds=240 boot_seconds=120
# shellcheck source=tests/support/machine.sh
. "$xen_top/tests/support/machine.sh"

machine_options "$@"
build=$(realpath -e "${BUILD:-$xen_top/build}") || { echo "build the project first (BUILD names the folder)" >&2; exit 2; }
machine_programs qemu-system-x86_64 qemu-img busybox cpio lz4 modprobe depmod debootstrap mke2fs fio sg_inq lsscsi python3 zstd

xen_build
machine_job pvscsi-xen
cp -r "$xen_dir"/cases "$xen_dir"/lib*.sh "$xen_top"/tests/support/{bed,case,kernel_tgt}.sh "$xen_top"/tests/npiv/guest/npiv.sh "$job"
cp -r "$xen_dir/dom0" "$job"
mkdir "$job/guest"
cp "$xen_dir"/guest/* "$job/guest"
image_pack "$job/guest" "$job/guest.cpio"
# What README.md shows of an installation, for the case that makes it.
sed -n '/^    dom0# dpkg/,/^$/s/^    //p' "$xen_top/README.md" >"$job/readme-transcript"
image_our_programs "$build" "$job/programs.cpio.gz" test-contract test-hostile test-fabric
machine_boot() {
    local name=
    ! read -r name _ <"$job/plan" || [ "$(case_says "$name" boot)" != systemd ] || xen_keep_root "$job/$name.qcow2"
    xen_boot "$job" "$1"
}

for name in "${cases[@]}"; do
    [ "$(case_says "$name" packages)" = yes ] && [ ! -d "$job/packages" ] || continue
    mkdir "$job/packages"
    packages_get "$xen_top" "$job/packages/1"
    packages_upgrade "$job/packages/1" "$job/packages/2"
done

if $shell; then
    (xen_serial=mon:stdio machine_boot 86400)
    exit
fi
machine_cases
