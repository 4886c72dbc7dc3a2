# shellcheck shell=bash
# An adapter that takes few commands at a time, without an I/O scheduler: who sends it one more than
# it leaves a disk sleeps in the kernel. Those of a disk that hangs wait in the daemon, where they
# hold up nobody, and can be aborted or reset.
# seconds: 200
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
scsi_debug dev_size_mb=16 num_tgts=2 max_queue=12
hung=${debug_nodes[0]} sound=${debug_nodes[1]}
for node in "$hung" "$sound"; do
    echo none >"$(echo "/sys/class/scsi_generic/${node##*/}"/device/block/*/queue/scheduler)"
done
guest_up "$hung" "$sound"
as_guest bash -c "for _ in 1 2 3 4; do sg_turs $(disk 0) && break; done" >/dev/null 2>&1
must as_guest sg_dd if="$(disk 1)" of=/dev/null bs=512 count=64

knob opts 4
knob every_nth -1
for i in $(seq 14); do
    as_guest sg_raw -t 60 -r 512 "$(disk 0)" 28 00 00 00 00 "0$((i % 10))" 00 00 01 00 \
        >"/tmp/hung.$i" 2>&1 &
    readers[i]=$!
done
wait_until 20 busy_is "$hung" 6 || fail "$(busy "$hung") commands at the device instead of 6 of 12 tags"
sleep 2 # for the others to come, too
knob every_nth 0
knob opts 0
begin=$SECONDS
must as_guest sg_dd if="$(disk 1)" of=/dev/null bs=512 bpt=128 count=8192
[ $((SECONDS - begin)) -lt 20 ] || fail "the other disk took $((SECONDS - begin)) s"
busy_is "$hung" 6 || fail "$(busy "$hung") commands at the device after that instead of 6"

begin=$SECONDS
must as_guest sg_reset --device --no-escalate "$(disk 0)"
for i in $(seq 14); do
    wait "${readers[i]}" && fail "command $i ended well after a reset"
done
[ $((SECONDS - begin)) -lt 20 ] || fail "the reset took $((SECONDS - begin)) s"
wait_until 60 busy_is "$hung" 0 || fail "commands never left the device"
for _ in 1 2 3 4; do as_guest sg_turs "$(disk 0)" && break; done
must as_guest sg_dd if="$(disk 0)" of=/dev/null bs=512 bpt=16 count=1024
guest_down
scsi_debug_unload
