# shellcheck shell=bash
# Commands that hang on one disk: another one goes on, and a reset from the guest ends them.
# seconds: 300
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
scsi_debug dev_size_mb=16 num_tgts=2
hung=${debug_nodes[0]} sound=${debug_nodes[1]}
guest_up "$hung" "$sound"
as_guest bash -c "for _ in 1 2 3 4; do sg_turs $(disk 0) && break; done" >/dev/null 2>&1

knob opts 4
knob every_nth -1
for i in $(seq 15); do
    as_guest sg_raw -t 40 -r 512 "$(disk 0)" 28 00 00 00 00 "0$((i % 10))" 00 00 01 00 \
        >"/tmp/hung.$i" 2>&1 &
    readers[i]=$!
done
wait_until 20 busy_is "$hung" 15 || fail "$(busy "$hung") commands at the device instead of 15"
knob every_nth 0
knob opts 0

must as_guest sg_dd if="$(disk 1)" of=/dev/null bs=512 bpt=128 count=8192
begin=$SECONDS
must as_guest sg_reset --device --no-escalate "$(disk 0)"
for i in $(seq 15); do
    wait "${readers[i]}" && fail "command $i ended well after a reset"
done
[ $((SECONDS - begin)) -lt 20 ] || fail "the reset took $((SECONDS - begin)) s"
cat /tmp/hung.1
# The unit is there again while the kernel still holds what it did not get back.
as_guest sg_turs "$(disk 0)" | tee /tmp/turs
must as_guest sg_dd if="$(disk 0)" of=/dev/null bs=512 bpt=16 count=1024
echo "still at the device: $(busy "$hung")"
wait_until 60 busy_is "$hung" 0 || fail "commands never left the device"
must as_guest sg_dd if="$(disk 0)" of=/dev/null bs=512 bpt=16 count=1024
guest_down
scsi_debug_unload
