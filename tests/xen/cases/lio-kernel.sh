# what: the baseline: Linux' xen-scsiback and LIO serve the unmodified Linux frontend; our daemon leaves it alone and says why
# seconds: 300
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh
# shellcheck source=tests/xen/lib-lio.sh
. /job/lib-lio.sh

lio_start
lio_lun 0 file "$scratch/disk.img"
lio_lun 1 ramdisk
in_use_begin
lio_guest_start g1 0 1
guest_must g1 'wait_lun 0:0:0:0; wait_lun 0:0:0:1; lsscsi -g'
guest_must g1 'for lun in 0 1; do verify_fio $(disk 0:0:0:$lun) --rw=randwrite --bs=4k --iodepth=8 --size=2m || exit 1; done'
guest_must g1 'verify_fio $(disk 0:0:0:1) --rw=write --bs=508k --iodepth=4 --size=8m'

# Our daemon leaves what the kernel has taken alone, and says what to do about it.
daemon_start
error_names_remedy() { node "$(back_path g1)/error" | grep -q 'rmmod xen-scsiback.*blacklist xen-scsiback'; }
wait_until $((20 * BED_FACTOR)) error_names_remedy || fail "B/error: $(node "$(back_path g1)/error")"
pvscsictl list g1 | tee /tmp/list
grep -q 'rmmod xen-scsiback' /tmp/list || fail "pvscsictl list does not name the remedy"
guest_must g1 'verify_fio $(disk 0:0:0:0) --rw=randwrite --bs=4k --iodepth=8 --size=1m'
daemon_stop
expect_guest_quiet g1
must xl destroy g1
wait_until $((30 * BED_FACTOR)) guest_gone g1 || fail "the guest is still there"
# The kernel leaves the nodes to the toolstack, which does not know them.
must xenstore-rm "/local/domain/0/backend/vscsi/$(guest_id g1)"
expect_no_leftovers
