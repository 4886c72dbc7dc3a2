# what: xl save and xl restore of a guest with I/O running; it goes on with the same disk
# seconds: 400
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

daemon_start
guest_start g1 "$(image_file disk.img 16M),0:0:0:0"
expect_lun g1 0:0:0:0 connected
guest_must g1 'wait_lun 0:0:0:0'
guest_begin g1 'verify_fio $(disk 0:0:0:0) --rw=randwrite --bs=4k --iodepth=8 --size=16m --loops=100000 & echo $! >/tmp/pid; while [ ! -e /tmp/stop ]; do sleep 0.2; done; kill -INT $(cat /tmp/pid) 2>/dev/null; wait $(cat /tmp/pid)'
verify=$guest_job
sleep 3
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
daemon_stop
