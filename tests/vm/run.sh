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

usual_seconds=150
build=$(realpath -e "${BUILD:-$vm_top/build}") || { echo "build the project first (BUILD names the folder)" >&2; exit 2; }
only=() keep=false shell=false
while [ $# -gt 0 ]; do
    case $1 in
    --list) (cd "$vm_dir/cases" && printf '%s\n' *.sh | sed 's/\.sh$//'); exit ;;
    --only) only+=("$2"); shift ;;
    --keep) keep=true ;;
    --shell) shell=true ;;
    *) echo "usage: $0 [--list] [--only NAME]... [--keep] [--shell]" >&2; exit 2 ;;
    esac
    shift
done

mapfile -t cases < <(cd "$vm_dir/cases" && printf '%s\n' *.sh | sed 's/\.sh$//')
[ ${#only[@]} = 0 ] || cases=("${only[@]}")
for name in "${cases[@]}"; do
    [ -e "$vm_dir/cases/$name.sh" ] || { echo "no case $name; --list lists them" >&2; exit 2; }
done
for program in qemu-system-x86_64 busybox cpio modprobe depmod sg_inq lsscsi fio; do
    command -v "$program" >/dev/null || { echo "$program is missing: tests/install-packages.sh installs it" >&2; exit 2; }
done

vm_build
job=$(mktemp -d "${TMPDIR:-/tmp}/pvscsi-vm.XXXXXX")
qemu=
finish() {
    [ -z "$qemu" ] || kill "$qemu" 2>/dev/null || true
    $keep || rm -rf "$job"
}
trap finish EXIT
trap 'exit 1' INT TERM
cp -r "$vm_dir/cases" "$vm_dir/guest/lib.sh" "$vm_top/tests/support/bed.sh" "$job"
vm_pack_programs "$build" "$job/programs.cpio.gz"
cat "$vm_cache/base.cpio.gz" "$job/programs.cpio.gz" >"$job/initramfs"

if $shell; then
    (vm_serial=mon:stdio vm_boot "$job/initramfs" "$job" 86400)
    exit
fi

passed=0 failed=0 skipped=0
report() { # NAME
    local name=$1 status
    status=$(cat "$job/$name.status" 2>/dev/null || echo none)
    case $status in
    0) echo "ok $name"; passed=$((passed + 1)); return ;;
    77) echo "ok $name # SKIP $(tail -n1 "$job/$name.log")"; skipped=$((skipped + 1)); return ;;
    124 | 137 | 143) echo "not ok $name (not ended in time)" ;;
    none) echo "not ok $name (the machine ended or hung)"; cat "$job/console.log" >>"$job/$name.log" ;;
    *) echo "not ok $name (status $status)" ;;
    esac
    failed=$((failed + 1))
    keep=true
    tail -n 40 "$job/$name.log" | sed 's/^/    /'
}
seconds_of() {
    local own
    own=$(sed -n 's/^# seconds: *//p' "$vm_dir/cases/$1.sh")
    echo "${own:-$usual_seconds}"
}

left=("${cases[@]}")
while [ ${#left[@]} -gt 0 ]; do
    total=60
    : >"$job/plan"
    for name in "${left[@]}"; do
        echo "$name $(seconds_of "$name")" >>"$job/plan"
        total=$((total + $(seconds_of "$name") + 10))
    done
    vm_boot "$job/initramfs" "$job" "$total" >"$job/console.log" 2>&1 </dev/null &
    qemu=$!
    started=$SECONDS
    while kill -0 "$qemu" 2>/dev/null && [ ${#left[@]} -gt 0 ]; do
        if [ -s "$job/${left[0]}.status" ]; then
            report "${left[0]}"
            left=("${left[@]:1}")
            started=$SECONDS
        elif [ $((SECONDS - started)) -gt $(($(seconds_of "${left[0]}") + 60)) ]; then
            kill "$qemu"
        else
            sleep 0.2
        fi
    done
    [ ${#left[@]} -gt 0 ] || kill "$qemu" 2>/dev/null || true
    wait "$qemu" 2>/dev/null || true
    qemu=
    # What ended between the last look and the machine's end; then the one that it ended in.
    while [ ${#left[@]} -gt 0 ] && [ -s "$job/${left[0]}.status" ]; do
        report "${left[0]}"
        left=("${left[@]:1}")
    done
    if [ ${#left[@]} -gt 0 ]; then
        report "${left[0]}"
        left=("${left[@]:1}")
    fi
done

! $keep || echo "logs: $job"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
