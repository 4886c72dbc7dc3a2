# what: the baseline: Linux' xen-scsiback and LIO serve the unmodified Linux frontend
# seconds: 300
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh
# shellcheck source=tests/xen/lib-lio.sh
. /job/lib-lio.sh

lio_start
lio_lun 0 file "$scratch/disk.img"
lio_lun 1 ramdisk
lio_guest_start g1 0 1
guest_must g1 'wait_lun 0:0:0:0; wait_lun 0:0:0:1; lsscsi -g'
guest_must g1 'for lun in 0 1; do verify_fio $(disk 0:0:0:$lun) --rw=randwrite --bs=4k --iodepth=8 --size=2m || exit 1; done'
guest_must g1 'verify_fio $(disk 0:0:0:1) --rw=write --bs=508k --iodepth=4 --size=8m'
expect_guest_quiet g1
must xl destroy g1
wait_until $((30 * BED_FACTOR)) guest_gone g1 || fail "the guest is still there"
