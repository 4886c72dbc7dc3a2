# what: a SCSI disk (scsi_debug) passed through by sg: identity, mkfs, fill, fsck, checksums, fio verify
# seconds: 300
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

scsi_debug dev_size_mb=32
daemon_start
in_use_begin
guest_start g1 "${debug_nodes[0]},0:0:0:0"
expect_lun g1 0:0:0:0 connected
guest_must g1 'wait_lun 0:0:0:0; lsscsi -g; sg_inq $(generic 0:0:0:0); sg_readcap $(generic 0:0:0:0)' | tee /tmp/seen
grep -q 'scsi_debug' /tmp/seen || fail "the guest does not see the device itself"
guest_must g1 'file_system_check $(disk 0:0:0:0)'
guest_must g1 'verify_fio $(disk 0:0:0:0) --rw=randwrite --bs=4k --iodepth=16 --size=4m'
expect_guest_quiet g1
guest_destroy g1
expect_no_leftovers
daemon_stop
