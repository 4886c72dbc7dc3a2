# shellcheck shell=bash
# What the sg3-utils say of a disk is the same on its sg node and in the guest.
# seconds: 300
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
scsi_debug dev_size_mb=16 lbpu=1 lbpws=1 lbpws10=1 lbprz=1
native_node=${debug_nodes[0]}
guest_node=$(disk 0)
guest_up "$native_node"
# The unit attentions of the start go to whoever comes first.
for _ in 1 2 3 4; do sg_turs "$native_node" && break; done
for _ in 1 2 3 4; do as_guest sg_turs "$guest_node" && break; done

same_as_native sg_inq NODE
same_as_native sg_inq -v NODE
for page in sv 0x80 0x83 0x84 0x85 0x86 0x87 0x88 0x89 0xb1 0xb2 0xb6 0xc0; do
    same_as_native sg_vpd --page=$page NODE
done
same_as_native sg_readcap NODE
same_as_native sg_readcap --long NODE
same_as_native sg_luns --verbose NODE
same_as_native sg_turs -v NODE
same_as_native sg_requests NODE
same_as_native sg_requests --desc NODE
same_as_native sg_modes --all NODE
same_as_native sg_modes --six NODE
same_as_native sg_modes --page=0x3e NODE
same_as_native sg_logs --all NODE
same_as_native sg_opcodes NODE
same_as_native sg_opcodes --tmf NODE
same_as_native sg_get_lba_status --lba=0 NODE
same_as_native sg_persist --read-keys NODE
same_as_native sg_senddiag --test NODE
same_as_native sg_start --start NODE
same_as_native sg_sync NODE
same_as_native sg_verify --count=64 NODE
same_as_native sg_unmap --force --lba=64 --num=64 NODE
same_as_native sg_unmap --force --lba=0x7fffffff --num=64 NODE
same_as_native sg_write_same --lba=128 --num=32 --xferlen=512 --in=/dev/zero NODE
same_as_native sg_write_same --unmap --16 --lba=128 --num=32 --xferlen=512 --in=/dev/zero NODE
same_as_native sg_raw -r 512 NODE 28 00 7f ff ff ff 00 00 01 00
same_as_native sg_raw NODE ff 00 00 00 00 00
same_as_native sg_raw -r 96 NODE 12 00 00 00 24 00
all_same 40

# The limits are those of the whole way: the ring's 1024 segments are 8192 blocks, the device has more.
limits() { grep "$1" | grep -o '[0-9]* blocks'; }
most='Maximum transfer length'
native=$(sg_vpd --page=0xb0 "$native_node" | limits "$most")
[ "${native% *}" -gt 8192 ] || fail "natively $native: nothing is to be lowered"
[ "$(as_guest sg_vpd --page=0xb0 "$guest_node" | limits "$most")" = "8192 blocks" ] ||
    fail "the guest is told $(as_guest sg_vpd --page=0xb0 "$guest_node")"
diff <(sg_vpd --page=0xb0 "$native_node" | grep -v "$most") \
    <(as_guest sg_vpd --page=0xb0 "$guest_node" | grep -v "$most") || fail "more than that differs"
guest_down
scsi_debug_unload
