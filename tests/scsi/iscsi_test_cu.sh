#!/bin/bash
# libiscsi's conformance tests as the guest, through pvscsi-run, the ring and the daemon:
#   the whole SCSI family on a file-backed disk, each test in a process of its own;
#   the suites that need another kind of unit on one: ReadOnly on a read-only disk, StartStopUnit
#   on a CD drive, what a memory disk does in its own way on one.
# The tool calls a skipped test passed. Here it counts as skipped, with the tool's reason, and a
# suite of the list below fails if none of its tests really ran. Nothing may fail.
#   tests/scsi/iscsi_test_cu.sh [--only SUITE[.TEST]]    on the file-backed disk only
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/support/bed.sh
. tests/support/bed.sh

only=
[ "${1:-}" != --only ] || only=${2:?--only needs the name of a suite}

must_run="CompareAndWrite Inquiry Mandatory ModeSense6 OrWrite Prefetch10 Prefetch16 Read6 Read10
Read12 Read16 ReadCapacity10 ReadCapacity16 ReportSupportedOpcodes Reserve6 TestUnitReady Unmap
Verify10 Verify12 Verify16 Write10 Write12 Write16 WriteSame10 WriteSame16 WriteVerify10
WriteVerify12 WriteVerify16"

passed=0 failed=0 skipped=0
declare -A ran
result() { # ok|not ok|skip NAME [REASON]
    case $1 in
    ok) passed=$((passed + 1)); echo "ok $2" ;;
    skip) skipped=$((skipped + 1)); echo "ok $2 # SKIP $3" ;;
    *) failed=$((failed + 1)); echo "not ok $2" ;;
    esac
}

# one LABEL NODE TEST: runs it and judges it by what it printed after its name.
one() {
    local label=$1 node=$2 name=$3 output body status=0 reason
    output=$(timeout 120 iscsi-test-cu --dataloss --normal --verbose --test="SCSI.$name" "$node" \
        2>&1 </dev/null) || status=$?
    body=$(sed -n '/^ *CUnit - A unit testing/,$p' <<<"$output")
    if [ "$status" -gt 1 ] || ! grep -q '^ *asserts' <<<"$body" || grep -q 'had failures' <<<"$body"; then
        result "not ok" "$label: $name"
        grep -aE 'FAILED|had failures|^ +[0-9]+\. ' <<<"$output" | head -n 10 | sed 's/^/    /'
        [ "$status" = 0 ] || printf '    exit status %s: %s\n' "$status" "$(tail -n 1 <<<"$output")"
        return
    fi
    reason=$(sed -n 's/.*\[SKIPP[A-Z]*\] *//p' <<<"$body" | head -n 1)
    if [ -n "$reason" ]; then
        result skip "$label: $name" "$reason"
    else
        ran[$label.${name%%.*}]=1
        result ok "$label: $name"
    fi
}

tests_of() { # PATTERN: the family's tests that it fits
    iscsi-test-cu --list 2>/dev/null | sed -n 's/^SCSI\.\([A-Za-z0-9]*\.[A-Za-z0-9]*\)$/\1/p' |
        grep -E "^($1)(\.|\$)" | sort -u
}

must_have_run() { # LABEL SUITE...
    local label=$1 suite
    shift
    for suite in "$@"; do
        [ -n "${ran[$label.$suite]:-}" ] || result "not ok" "$label: suite $suite really ran"
    done
}

# In the guest: this script again, with the nodes in its environment.
if [ "${1:-}" = --in-guest ]; then
    read -r disk ro cd ram <<<"$2"
    only=${3:-}
    list=$(tests_of "${only:-[A-Za-z0-9]+}" | grep -v '^iSCSI')
    [ -n "$list" ] || { echo "no such test: $only" >&2; exit 1; }
    for name in $list; do one disk "$disk" "$name"; done
    if [ -z "$only" ]; then
        # shellcheck disable=SC2086  # a list
        must_have_run disk $must_run
        for name in $(tests_of ReadOnly); do one read-only "$ro" "$name"; done
        must_have_run read-only ReadOnly
        for name in $(tests_of 'Inquiry|ModeSense6|Read10|Read12|ReportSupportedOpcodes|StartStopUnit|TestUnitReady'); do
            one cd "$cd" "$name"
        done
        must_have_run cd StartStopUnit Read10 Read12 TestUnitReady
        for name in $(tests_of 'CompareAndWrite|OrWrite|Read10|Read16|Unmap|Verify10|Write10|WriteSame10|WriteSame16|WriteVerify10'); do
            one ram "$ram" "$name"
        done
        must_have_run ram CompareAndWrite OrWrite Read10 Unmap Verify10 Write10 WriteSame10
    fi
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
    exit
fi

command -v iscsi-test-cu >/dev/null || { echo "iscsi-test-cu is missing: package libiscsi-bin" >&2; exit 1; }
cleanup() {
    status=$?
    [ -z "${work:-}" ] || rm -rf "$work"
    bed_stop || status=1
    exit "$status"
}
trap cleanup EXIT
trap 'exit 1' INT TERM
work=$(mktemp -d "${TMPDIR:-/tmp}/pvscsi-cu.XXXXXX")
truncate -s 64M "$work/disk.img" "$work/ro.img"
# Any bytes will do for a drive; the tests read 256 blocks of it.
head -c 4M /dev/urandom >"$work/cd.iso"
cat >"$work/guest.cfg" <<CFG
name = "conformance"
vscsi = [ 'file:$work/disk.img,0:0:0:0',
          'file:$work/ro.img,0:0:1:0,ro',
          'iso:$work/cd.iso,0:0:2:0',
          'ram:64M,0:0:3:0' ]
CFG
# shellcheck disable=SC2119  # no options for pvscsid
bed_start || exit 1
bed_ctl create "$work/guest.cfg" || exit 1
at=/dev/pvscsi/0:0
pvscsi-run conformance -- bash tests/scsi/iscsi_test_cu.sh --in-guest \
    "$at:0:0 $at:1:0 $at:2:0 $at:3:0" "$only"
