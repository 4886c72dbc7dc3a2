# what: the rules of common/hypervisor/contract.md on the real Xen, dom0 with itself; grants and event channels in a guest, too
# seconds: 300
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

PVSCSI_CONTRACT=xen /pvscsi/tests/contract/test-contract >/tmp/dom0.out 2>&1 || {
    grep -v '^$' /tmp/dom0.out | head -n 150
    fail "in dom0"
}
tail -n 2 /tmp/dom0.out
guest_extra=pvscsi.library
guest_start_bare g1
guest_seconds=$((100 * BED_FACTOR))
guest_must g1 'PVSCSI_CONTRACT=xen /pvscsi/tests/contract/test-contract "G*,E*" >/tmp/out 2>&1; status=$?
    [ $status = 0 ] || grep -v "^$" /tmp/out | head -n 150; tail -n 2 /tmp/out; [ $status = 0 ] && grep -q "^All tests passed (" /tmp/out'
