# what: a guest paused, destroyed and crashed in mid-I/O; nothing of it is left over
# seconds: 600
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

daemon_start
in_use_begin
entry="$(image_file disk.img 16M),0:0:0:0"
io='wait_lun 0:0:0:0; fio --name=io --filename=$(disk 0:0:0:0) --direct=1 --ioengine=libaio --rw=randrw --bs=4k --iodepth=16
    --thread --time_based --runtime=600 --size=16m'
io=${io//$'\n'/}

guest_start g1 "$entry"
guest_begin g1 "$io"
sleep 3
must xl pause g1
sleep 5
must xl unpause g1
guest_must g1 'sg_turs $(generic 0:0:0:0)'
expect_guest_quiet g1
must xl destroy g1
wait_until $((30 * BED_FACTOR)) guest_gone g1 || fail "the destroyed guest is still there"
expect_no_leftovers

guest_start g1 "$entry"
guest_begin g1 "$io"
sleep 3
guest_begin g1 'echo c >/proc/sysrq-trigger'
wait_until $((60 * BED_FACTOR)) guest_gone g1 || fail "the crashed guest is still there"
expect_no_leftovers
daemon_stop
