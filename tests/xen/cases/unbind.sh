# what: the frontend is unbound from its device and bound again, under I/O; the disk comes back
# seconds: 300
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

daemon_start
in_use_begin
guest_start g1 "$(image_file disk.img 16M),0:0:0:0"
expect_lun g1 0:0:0:0 connected
guest_must g1 'wait_lun 0:0:0:0; verify_fio $(disk 0:0:0:0) --rw=randwrite --bs=4k --iodepth=8 --size=1m'
for round in 1 2 3; do
    guest_must g1 'disk=$(disk $(ls /sys/class/scsi_device))
        fio --name=io --filename=$disk --direct=1 --ioengine=libaio --rw=randread --bs=4k --iodepth=16 --thread --time_based --runtime=600 >/dev/null 2>&1 &
        is_busy() { read -r reads _ </sys/block/${disk##*/}/stat; [ $reads -gt 500 ]; }
        wait_for 60 is_busy || exit 1
        echo vscsi-0 >/sys/bus/xen/drivers/vscsi/unbind; wait_for 60 has_luns 0'
    # A driver that is bound reads the backend's state at once, and gives up at 5 or 6.
    wait_until $((20 * BED_FACTOR)) node_is "$(back_path g1)/state" 2 || fail "round $round: no new connection is offered"
    guest_must g1 'echo vscsi-0 >/sys/bus/xen/drivers/vscsi/bind; wait_for 60 has_luns 1'
    expect_lun g1 0:0:0:0 connected
    vdev=$(guest_run g1 'ls /sys/class/scsi_device')
    guest_must g1 "wait_lun $vdev; verify_fio \$(disk $vdev) --rw=randwrite --bs=4k --iodepth=8 --size=1m"
    echo "round $round: $vdev"
done
guest_destroy g1
expect_no_leftovers
daemon_stop
