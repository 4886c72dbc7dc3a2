# Commands of more than 508 KiB, as indirect requests, up to what the connection carries.
disk disk.img 64M
noise data 16M
host
guest demo "file:$DISK,0:0:0:0"
n=$(node 0)
largest=$(as demo python3 -c "
import fcntl, os, struct, sys
fd = os.open('$n', os.O_RDWR)
print(struct.unpack('i', fcntl.ioctl(fd, 0x1267, bytes(4)))[0])")
echo "largest transfer: $largest"
[ "$largest" -ge 1048576 ] || fail "no more than $largest bytes in a command"
for blocks in 200 1016 1017 1024 2048 $((largest / 512)); do
    noise data 8M
    as demo sg_dd if=data of="$n" bs=512 bpt="$blocks"
    cmp -n 8388608 data "$DISK" || fail "writing by $blocks blocks"
    as demo sg_dd if="$n" of=back bs=512 count=16384 bpt="$blocks"
    cmp data back || fail "reading by $blocks blocks"
done
refused '' as demo sg_dd if=data of="$n" bs=512 bpt=$((largest / 512 + 1))
