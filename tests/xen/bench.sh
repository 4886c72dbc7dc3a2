#!/bin/bash
# Measures on a real Xen, in one boot and on 16 MiB of memory: the kernel's backend and our daemon
# under the same unmodified Linux guest, our daemon under our library, and dom0 by itself.
#
#   tests/xen/bench.sh [--json] [--rounds N] [--seconds S] [--quick]
#
# A round measures every pair one after the other at each point; a ratio is the median of the
# rounds' ratios. --quick: one round of three points. --json: an array of objects instead of the
# table. BUILD, GUEST_KERNEL and DOM0_KERNEL as for run.sh. Never a test: figures are not judged here.
set -euo pipefail
# shellcheck source=tests/xen/bed.sh
. "$(dirname "$0")/bed.sh"
cases_dir=$xen_dir/bench boot_seconds=180
# shellcheck source=tests/support/machine.sh
. "$xen_top/tests/support/machine.sh"
rounds=3 seconds=2 points=all json=
while [ $# -gt 0 ]; do
    case $1 in
    --json) json=--json ;;
    --rounds | --seconds)
        [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || { echo "$1 needs a number from 1" >&2; exit 2; }
        declare "${1#--}=$2"
        shift ;;
    --quick) rounds=1 points=few ;;
    -h | --help) machine_usage; exit ;;
    *) echo "unknown argument '$1'; try --help" >&2; exit 2 ;;
    esac
    shift
done
cases=(measure) keep=false
build=$(realpath -e "${BUILD:-$xen_top/build}") || { echo "build the project first (BUILD names the folder)" >&2; exit 2; }
machine_programs qemu-system-x86_64 busybox cpio lz4 modprobe depmod debootstrap mke2fs fio sg_inq lsscsi python3 zstd

xen_build >&2
machine_job pvscsi-xen-bench
mkdir "$job/cases" "$job/guest"
cp "$xen_dir/bench/measure.sh" "$job/cases/"
cp -r "$xen_dir"/lib*.sh "$xen_top"/tests/support/{bed,case}.sh "$job"
cp -r "$xen_dir/dom0" "$job"
cp "$xen_dir"/guest/* "$job/guest"
echo "rounds=$rounds seconds=$seconds points=$points" >"$job/bench-settings"
image_pack "$job/guest" "$job/guest.cpio"
image_our_programs "$build" "$job/programs.cpio.gz" test-contract
machine_boot() { xen_boot "$job" "$1"; }
# A processor of the host that halts takes long to wake, and how long differs: none halts while
# something is measured. What is idle otherwise pays for it.
awake=()
for ((cpu = 0; cpu < $(nproc); ++cpu)); do
    taskset -c "$cpu" chrt --idle 0 bash -c 'while :; do :; done' &
    awake+=($!)
done
stop_awake() { kill "${awake[@]}"; }
trap 'stop_awake; machine_finish' EXIT
machine_cases >&2
"$xen_dir/bench/table.py" $json "$job/measure.log"
