# what: a disk image on the block target: INQUIRY, capacity, mkfs, fill, fsck, checksums, fio verify
# seconds: 300
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

daemon_start
in_use_begin
guest_start g1 "$(image_file disk.img 32M),0:0:0:0"
expect_lun g1 0:0:0:0 connected
guest_must g1 'wait_lun 0:0:0:0; lsscsi -g; sg_inq $(generic 0:0:0:0); sg_readcap $(generic 0:0:0:0)' | tee /tmp/seen
grep -q 'Number of logical blocks=65536' /tmp/seen || fail "the capacity is not the file's"
guest_must g1 'file_system_check $(disk 0:0:0:0)'
guest_must g1 'verify_fio $(disk 0:0:0:0) --rw=randwrite --bs=4k --iodepth=16 --size=4m'
expect_guest_quiet g1
# What the guest has written is in the file.
guest_must g1 'dd if=$(disk 0:0:0:0) bs=1M iflag=direct status=none | sha256sum' >/tmp/guest.sum
cmp /tmp/guest.sum <(sha256sum <"$scratch/disk.img") || fail "the file has other contents"
guest_destroy g1
expect_no_leftovers
daemon_stop
