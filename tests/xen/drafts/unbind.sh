# what: the frontend is unbound from its device and bound again, under I/O; the disk comes back
# seconds: 300
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

daemon_start
guest_start g1 "$(image_file disk.img 16M),0:0:0:0"
expect_lun g1 0:0:0:0 connected
guest_must g1 'wait_lun 0:0:0:0; verify_fio $(disk 0:0:0:0) --rw=randwrite --bs=4k --iodepth=8 --size=4m --verify_state_save=0'
for round in 1 2 3; do
    guest_must g1 'fio --name=io --filename=$(disk 0:0:0:0) --direct=1 --ioengine=libaio --rw=randread --bs=4k --iodepth=16 --thread --time_based --runtime=60 >/dev/null 2>&1 &
        sleep 1
        echo vscsi-0 >/sys/bus/xen/drivers/vscsi/unbind; wait_for 30 has_luns 0'
    guest_must g1 'echo vscsi-0 >/sys/bus/xen/drivers/vscsi/bind; wait_for 30 has_luns 1'
    expect_lun g1 0:0:0:0 connected
    vdev=$(guest_run g1 'ls /sys/class/scsi_device')
    guest_must g1 "wait_lun $vdev; verify_fio \$(disk $vdev) --rw=randwrite --bs=4k --iodepth=8 --size=4m"
    echo "round $round: $vdev"
done
guest_destroy g1
daemon_stop
