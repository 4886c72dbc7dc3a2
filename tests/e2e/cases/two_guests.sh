# Two guests with disks under equal numbers: each has its own.
disk a.img 8M
a=$DISK
disk b.img 8M
host
guest alpha "file:$a,0:0:0:0"
guest beta "file:$DISK,0:0:0:0"
noise data 1M
as alpha sg_dd if=data of="$(node 0)" bs=512
as beta sg_dd if="$(node 0)" of=back bs=512 count=2048
cmp -n 1048576 back /dev/zero || fail "beta sees what alpha wrote"
cmp -n 1048576 data "$a" || fail "alpha's disk"
