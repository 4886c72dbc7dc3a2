# A backing that is cut short under a running guest: errors on what is gone, data for what is not,
# and the other LUNs go on.
disk disk.img 4M
cut=$DISK
disk other.img 4M
host
guest demo "file:$cut,0:0:0:0" "file:$DISK,0:0:0:1"
noise data 4M
as demo bash -c "
    sg_dd if=data of=$(node 0) bs=512 >/dev/null 2>&1 || exit 11
    truncate -s 1M $cut
    sg_dd if=$(node 0) of=back bs=512 count=2048 >/dev/null 2>&1 || exit 12
    cmp -n 1048576 data back || exit 13
    sg_dd if=$(node 0) of=back bs=512 skip=4096 count=8 >/dev/null 2>&1 && exit 14
    sg_dd if=data of=$(node 1) bs=512 >/dev/null 2>&1 || exit 15
    exit 0" || fail "step $?"
kill -0 "$BED_DAEMON" || fail "the daemon has died"
