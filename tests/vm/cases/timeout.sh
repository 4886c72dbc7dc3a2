# shellcheck shell=bash
# A command that the device never answers ends by the guest's own timeout, as it does natively.
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
scsi_debug dev_size_mb=16
native_node=${debug_nodes[0]}
guest_up "$native_node"
for _ in 1 2 3 4; do sg_turs "$native_node" && break; done
for _ in 1 2 3 4; do as_guest sg_turs "$(disk 0)" && break; done

knob opts 4
knob every_nth -1
begin=$SECONDS
as_guest sg_raw -t 2 -r 512 "$(disk 0)" 28 00 00 00 00 00 00 00 01 00 >/tmp/out 2>&1 &&
    fail "a command that was never answered ended well"
cat /tmp/out
[ $((SECONDS - begin)) -lt 20 ] || fail "it took $((SECONDS - begin)) s"
grep -qi "DID_TIME_OUT\|Host_status=0x03\|timeout\|aborted" /tmp/out || fail "no timeout was reported"
knob every_nth 0
knob opts 0
# The unit works on.
for _ in 1 2 3 4; do as_guest sg_turs "$(disk 0)" && break; done
must as_guest sg_dd if="$(disk 0)" of=/dev/null bs=512 count=64
guest_down
scsi_debug_unload
