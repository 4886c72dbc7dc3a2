# what: xl save and xl restore of a guest with I/O running on a file and a SCSI disk; it goes on with the same disks
# seconds: 400
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

scsi_debug dev_size_mb=16
daemon_start
in_use_begin
guest_start g1 "$(image_file disk.img 16M),0:0:0:0" "${debug_nodes[0]},0:0:0:1"
expect_lun g1 0:0:0:1 connected
guest_must g1 'wait_lun 0:0:0:1'
guest_begin g1 'verify_until_stopped $(disk 0:0:0:0):$(disk 0:0:0:1) --rw=randwrite --bs=4k --iodepth=8 --size=4m'
verify=$guest_job
guest_must g1 'has_written() { read -r _ _ _ _ writes _ </sys/block/$(basename $(disk 0:0:0:0))/stat; [ $writes -gt 200 ]; }; wait_for 60 has_written'
must xl save g1 "$scratch/saved"
wait_until $((30 * BED_FACTOR)) guest_gone g1 || fail "the saved guest is still there"
must xl restore -p "$scratch/saved"
guest_note g1
must pvscsictl attach --no-wait g1 "file:$scratch/disk.img,0:0:0:0" "${debug_nodes[0]},0:0:0:1"
must xl unpause g1
expect_lun g1 0:0:0:1 connected
guest_must g1 'wait_for 200 readable 0:0:0:0 && wait_for 200 readable 0:0:0:1 && touch /tmp/stop'
guest_end g1 "$verify" || fail "the I/O did not survive"
guest_must g1 'verify_fio $(disk 0:0:0:0) --rw=randwrite --bs=4k --iodepth=8 --size=4m'
expect_guest_quiet g1
guest_destroy g1
expect_no_leftovers
daemon_stop
