# shellcheck shell=bash
# Errors of a device reach the guest as they are: sense, residual, host status.
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
scsi_debug dev_size_mb=16
native_node=${debug_nodes[0]}
guest_node=$(disk 0)
guest_up "$native_node"
for _ in 1 2 3 4; do sg_turs "$native_node" && break; done
for _ in 1 2 3 4; do as_guest sg_turs "$(disk 0)" && break; done
read_of() { echo "28 00 00 00 $1 00 00 $2 00"; }

knob opts 2 # medium error at blocks 1234h to 123dh
# shellcheck disable=SC2046 # the bytes of a command
same_as_native sg_raw -vvv -r 512 NODE $(read_of "12 34" 01)
guest_said "Medium error"
guest_said "Unrecovered read error"
# shellcheck disable=SC2046
same_as_native sg_raw -vvv -r 8192 NODE $(read_of "12 30" 10)
same_as_native sg_dd if=NODE of=/dev/null bs=512 skip=4640 count=64
same_as_native sg_dd if=NODE of=/dev/null bs=512 skip=4640 count=64 coe=1

knob opts 8 # recovered error
knob every_nth 1
# shellcheck disable=SC2046
same_as_native sg_raw -vvv -r 512 NODE $(read_of "00 00" 01)
guest_said "Recovered error"

knob opts 0x100 # short transfer: half of the data
# shellcheck disable=SC2046
same_as_native sg_raw -vvv -r 8192 NODE $(read_of "00 00" 10)
guest_said 4096
cat /tmp/guest.out

knob opts 0
knob every_nth 0
# More room than the command's allocation length.
same_as_native sg_raw -vvv -r 512 NODE 12 00 00 00 24 00
all_same 7
guest_down
scsi_debug_unload
