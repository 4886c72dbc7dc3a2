# what: our frontend library in a guest with Linux' xen-scsiback and LIO: list, read, write, verify, indirect, abort, reset, hot add and remove, backend gone and back
# seconds: 500
# boot: own
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh
# shellcheck source=tests/xen/lib-lio.sh
. /job/lib-lio.sh

scsi_debug dev_size_mb=16
in_use_begin
debug_disk=/dev/$(basename "/sys/class/scsi_generic/${debug_nodes[0]##*/}/device/block/"*)
lio_start
lio_lun 0 file "$scratch/disk.img"
lio_lun 1 ramdisk
lio_lun 2 pscsi "$debug_disk"
guest_extra="pvscsi.library pvscsi.noscsi"
lio_guest_start g1 0 1
guest_must g1 'mkdir -p /run/pvscsi; echo 4096 >/sys/module/xen_gntalloc/parameters/limit; pvscsi-run g1 --list' | tee /tmp/nodes
[ "$(grep -c . /tmp/nodes)" = 2 ] || fail "not two nodes"
# A vhost belongs to one session; the first one stays until those that joined it have ended.
session_begin() {
    guest_begin g1 'rm -f /tmp/up /tmp/stop; pvscsi-run g1 -- bash -c "touch /tmp/up; until [ -e /tmp/stop ]; do sleep 0.2; done; sg_readcap /dev/pvscsi/0:0:0:0 | grep blocks="'
    session=$guest_job
    guest_must g1 "wait_for $((60 * BED_FACTOR)) test -e /tmp/up"
}
session_end() {
    guest_must g1 'touch /tmp/stop'
    guest_end g1 "$session" || fail "the session did not survive"
}
# LIO has unit attentions, for the first command and after most of what follows.
ready() { guest_must g1 "wait_for $((20 * BED_FACTOR)) served_by_library 0:0:0:$1"; }
ready 0
ready 1
guest_must g1 'pvscsi-run g1 -- sg_inq /dev/pvscsi/0:0:0:0 && pvscsi-run g1 -- sg_readcap /dev/pvscsi/0:0:0:1'
guest_must g1 'dd if=/dev/urandom of=/tmp/data bs=64k count=64 status=none
    pvscsi-run g1 -- sg_dd if=/tmp/data of=/dev/pvscsi/0:0:0:0 bs=512 bpt=128 &&
    pvscsi-run g1 -- sg_dd if=/dev/pvscsi/0:0:0:0 of=/tmp/back bs=512 bpt=128 count=8192 && cmp /tmp/data /tmp/back'
# What was written is in the file.
guest_must g1 'sha256sum </tmp/data' >/tmp/guest.sum
cmp /tmp/guest.sum <(head -c 4194304 "$scratch/disk.img" | sha256sum) || fail "the file has other contents"
# Above 104 KiB a request needs indirect segments.
for size in 4k 64k 508k; do
    guest_must g1 "time pvscsi-bench g1 0:0:0:1 --rw randwrite --bs $size --iodepth 8 --runtime 2 --verify"
done
guest_must g1 'pvscsi-run g1 -- sg_reset --device /dev/pvscsi/0:0:0:0'
ready 0

# Hot add and hot remove.
session_begin
ready 0
lio_attach g1 2
ready 2
guest_must g1 'pvscsi-run g1 -- sg_readcap /dev/pvscsi/0:0:0:2'
lio_detach g1 2
guest_run g1 'pvscsi-run g1 --list' >/tmp/nodes
grep -q 0:0:0:0 /tmp/nodes && grep -q 0:0:0:1 /tmp/nodes || { cat /tmp/nodes; fail "not all nodes are left"; }
grep -q 0:0:0:2 /tmp/nodes && fail "a LUN that was removed has a node"
ready 0

# The backend's driver goes, and comes back.
drivers=/sys/bus/xen-backend/drivers/vscsi
must eval "echo vscsi-$(guest_id g1)-0 >$drivers/unbind"
sleep 1
must eval "echo vscsi-$(guest_id g1)-0 >$drivers/bind"
ready 0
ready 1
session_end
guest_must g1 'time pvscsi-bench g1 0:0:0:1 --rw randwrite --bs 4k --iodepth 8 --runtime 2 --verify'

# Nothing of it is left, with the library's guest gone.
guest_destroy g1
expect_no_leftovers
lio_guest_start g1 0 2
guest_must g1 'mkdir -p /run/pvscsi; echo 4096 >/sys/module/xen_gntalloc/parameters/limit'

# An ABORT is the last thing: when LIO has aborted a command, xen-scsiback answers neither that nor
# the ABORT, nor a RESET after it; neither the guest nor the module can go from then on. The library
# gives the connection up in bounded time and says so. The disk takes 4 s, the command may take 1.
session_begin
ready 2
knob delay 1000
began=$SECONDS
guest_run g1 'pvscsi-run g1 -- sg_raw -t 1 -r 512 /dev/pvscsi/0:0:0:2 28 00 00 00 00 00 00 00 01 00' && fail "a command that takes too long ended well"
echo "aborted: ended after $((SECONDS - began)) s"
[ $((SECONDS - began)) -le $((30 * BED_FACTOR)) ] || fail "a command that is never answered took too long to end"
dmesg | grep 'ABORT_TASK: Found referenced' || fail "the ABORT did not come to LIO"
guest_must g1 'touch /tmp/stop'
guest_end g1 "$session"
status=$?
[ $status != 124 ] || fail "a program of the session hangs"
echo "LUN 0 in the same session: status $status"
