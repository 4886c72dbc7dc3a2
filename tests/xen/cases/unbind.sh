# what: the frontend is unbound from its device and bound again, under I/O on a file and a SCSI disk; they come back, also when it is bound at once
# seconds: 400
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

scsi_debug dev_size_mb=16
daemon_start
in_use_begin
guest_start g1 "$(image_file disk.img 16M),0:0:0:0" "${debug_nodes[0]},0:0:0:1"
expect_lun g1 0:0:0:1 connected
guest_must g1 'wait_lun 0:0:0:0; wait_lun 0:0:0:1'
# The SCSI host has another number each time.
guest_must g1 'cat >/tmp/words <<"EOF"
both() { disks=(); for lun in $(ls /sys/class/scsi_device); do disks+=($(disk $lun)); done; [ ${#disks[@]} = 2 ] && [ -b ${disks[0]} ] && [ -b ${disks[1]} ]; }
under_io() {
    both || return 1
    fio --name=io --filename=${disks[0]}:${disks[1]} --direct=1 --ioengine=libaio --rw=randread --bs=4k --iodepth=16 --thread --time_based --runtime=600 >/dev/null 2>&1 &
    wait_for 60 is_busy
}
is_busy() { read -r reads _ </sys/block/${disks[1]##*/}/stat; [ $reads -gt 200 ]; }
verified() { wait_for 200 both && verify_fio ${disks[0]}:${disks[1]} --rw=randwrite --bs=4k --iodepth=8 --size=2m; }
EOF
. /tmp/words; verified'
for round in 1 2; do
    guest_must g1 '. /tmp/words; under_io || exit 1; echo vscsi-0 >/sys/bus/xen/drivers/vscsi/unbind; wait_for 60 has_luns 0'
    wait_until $((20 * BED_FACTOR)) node_is "$(back_path g1)/state" 2 || fail "round $round: no new connection is offered"
    guest_must g1 '. /tmp/words; echo vscsi-0 >/sys/bus/xen/drivers/vscsi/bind; verified && ls /sys/class/scsi_device'
    expect_lun g1 0:0:0:1 connected
done
# Bound again before the backend has noticed that it had gone.
for round in 3 4; do
    guest_must g1 '. /tmp/words; under_io || exit 1
        echo vscsi-0 >/sys/bus/xen/drivers/vscsi/unbind; echo vscsi-0 >/sys/bus/xen/drivers/vscsi/bind; verified && ls /sys/class/scsi_device'
    expect_lun g1 0:0:0:1 connected
done
expect_guest_quiet g1
guest_destroy g1
expect_no_leftovers
daemon_stop
