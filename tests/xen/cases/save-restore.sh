# what: xl save and xl restore of a guest with I/O running; it goes on with the same disk
# seconds: 400
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

daemon_start
in_use_begin
guest_start g1 "$(image_file disk.img 16M),0:0:0:0"
expect_lun g1 0:0:0:0 connected
guest_must g1 'wait_lun 0:0:0:0'
guest_begin g1 'verify_until_stopped $(disk 0:0:0:0) --rw=randwrite --bs=4k --iodepth=8 --size=4m'
verify=$guest_job
guest_must g1 'has_written() { read -r _ _ _ _ writes _ </sys/block/$(basename $(disk 0:0:0:0))/stat; [ $writes -gt 200 ]; }; wait_for 60 has_written'
must xl save g1 "$scratch/saved"
wait_until $((30 * BED_FACTOR)) guest_gone g1 || fail "the saved guest is still there"
must xl restore -p "$scratch/saved"
guest_note g1
must pvscsictl attach --no-wait g1 "file:$scratch/disk.img,0:0:0:0"
must xl unpause g1
expect_lun g1 0:0:0:0 connected
guest_must g1 'sg_turs $(generic 0:0:0:0) || sg_turs $(generic 0:0:0:0); touch /tmp/stop'
guest_end g1 "$verify" || fail "the I/O did not survive"
guest_must g1 'verify_fio $(disk 0:0:0:0) --rw=randwrite --bs=4k --iodepth=8 --size=4m'
guest_destroy g1
expect_no_leftovers
daemon_stop
