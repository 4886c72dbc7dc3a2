# what: 50 LUNs added and removed while another one carries verified I/O; a busy one; one that cannot be opened
# seconds: 600
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

daemon_start
guest_start g1 "$(image_file disk.img 32M),0:0:0:0"
expect_lun g1 0:0:0:0 connected
guest_must g1 'wait_lun 0:0:0:0'
guest_begin g1 'verify_fio $(disk 0:0:0:0) --rw=randwrite --bs=4k --iodepth=8 --size=32m --time_based --runtime=100000 & echo $! >/tmp/pid; while [ ! -e /tmp/stop ]; do sleep 0.2; done; kill -INT $(cat /tmp/pid) 2>/dev/null; wait $(cat /tmp/pid)'
verify=$guest_job
for round in $(seq 50); do
    must pvscsictl attach --timeout 60 g1 "ram:4M,0:0:1:$((round % 3))"
    must pvscsictl detach --timeout 60 g1 "0:0:1:$((round % 3))"
done
guest_must g1 'has_no_lun 0:0:1:0 && has_no_lun 0:0:1:1 && has_no_lun 0:0:1:2'

# One that is being read from goes all the same.
must pvscsictl attach --timeout 60 g1 "ram:4M,0:0:2:0"
guest_begin g1 'dd if=$(disk 0:0:2:0) of=/dev/null bs=4k iflag=direct; while dd if=$(disk 0:0:2:0) of=/dev/null bs=4k iflag=direct 2>/dev/null; do :; done'
must pvscsictl detach --timeout 60 g1 0:0:2:0
guest_must g1 'wait_for 20 has_no_lun 0:0:2:0'

# One that cannot be opened is refused alone.
echo >"$scratch/small"
pvscsictl attach g1 "file:$scratch/small,0:0:3:0" && fail "a file without a block was attached"
expect_lun g1 0:0:0:0 connected
guest_must g1 'touch /tmp/stop'
guest_end g1 "$verify" || fail "the other LUN's I/O"
expect_guest_quiet g1
guest_destroy g1
daemon_stop
