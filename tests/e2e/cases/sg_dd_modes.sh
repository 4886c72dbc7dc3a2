# limit: 300
# sg_dd in its modes writes and reads data that are the file's.
disk disk.img 64M
noise data 8M
host
guest demo "file:$DISK,0:0:0:0"
n=$(node 0)

round_trip() {
    rm -f back
    noise data 8M
    as demo sg_dd if=data of="$n" bs=512 "$@"
    cmp -n 8388608 data "$DISK" || fail "sg_dd $*: the file has other data"
    as demo sg_dd if="$n" of=back bs=512 count=16384 "$@"
    cmp data back || fail "sg_dd $*: other data are read back"
}
round_trip
round_trip bpt=128
round_trip bpt=1016
round_trip cdbsz=16
round_trip cdbsz=12
round_trip cdbsz=10
round_trip oflag=fua
round_trip iflag=dpo oflag=dpo
round_trip oflag=dio iflag=dio
round_trip coe=1
round_trip time=1
round_trip iflag=excl oflag=excl

# From device to device, with offsets.
as demo sg_dd if="$n" of="$n" bs=512 skip=0 seek=32768 count=1024
cmp -n 524288 "$DISK" <(tail -c +$((32768 * 512 + 1)) "$DISK") || fail "copy on the device"

# --verify compares instead of writing, by VERIFY with BYTCHK.
as demo sg_dd --verify if=data of="$n" bs=512
printf 'x' | dd of="$DISK" bs=1 seek=4096 conv=notrunc status=none
refused 'iscompare|verif' as demo sg_dd --verify if=data of="$n" bs=512 count=64
