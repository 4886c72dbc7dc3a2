# shellcheck shell=bash
# The daemon is killed with commands at the device; its successor serves the same guest, and the
# data are right.
# seconds: 300
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
scsi_debug dev_size_mb=16
native=${debug_nodes[0]}
guest_up "$native"
dd if=/dev/urandom of=/tmp/data bs=1M count=16 status=none
for round in 1 2 3; do
    knob ndelay 200000000 # 0.2 s a command: so that some are under way
    as_guest sg_dd if="$(disk 0)" of=/dev/null bs=512 bpt=16 count=1024 >/tmp/reader 2>&1 &
    reader=$!
    wait_until 20 is_busy "$native" || fail "no command got to the device"
    bed_daemon_kill
    must bed_daemon_start --log-level info
    wait $reader # it may end well or with an error, but it ends
    echo "round $round: the reader ended with status $?"
    knob ndelay 0
    must as_guest sg_dd if=/tmp/data of="$(disk 0)" bs=512 bpt=128
    must cmp /tmp/data <(sg_dd if="$native" bs=512 bpt=128 2>/dev/null)
done
guest_down
scsi_debug_unload
