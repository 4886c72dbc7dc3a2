# sgp_dd: several threads with asynchronous commands on one open file; sgm_dd: data in the mapped
# reserved buffer.
disk disk.img 64M
noise data 16M
host
guest demo "file:$DISK,0:0:0:0"
n=$(node 0)

as demo sgp_dd if=data of="$n" bs=512 count=32768 thr=8
cmp -n 16777216 data "$DISK" || fail "sgp_dd has written other data"
as demo sgp_dd if="$n" of=back bs=512 count=32768 thr=8
cmp data back || fail "sgp_dd has read other data"

noise data 4M
as demo sgm_dd if=data of="$n" bs=512 count=8192
cmp -n 4194304 data "$DISK" || fail "sgm_dd has written other data"
as demo sgm_dd if="$n" of=back2 bs=512 count=8192
cmp data back2 || fail "sgm_dd has read other data"
