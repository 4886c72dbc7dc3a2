# The daemon ends in good order and starts again below a running guest: its file stays open, its
# commands wait, and its data are right.
disk disk.img 4M
noise data 1M
host
guest demo "file:$DISK,0:0:0:0"
n=$(node 0)
mkfifo ready go
background pvscsi-run demo -- bash -euc "
    exec 3<>$n
    sg_dd if=data of=$n bs=512 >/dev/null 2>&1
    echo >ready
    read -r _ <go
    sg_turs $n 2>/dev/null || sg_turs $n
    sg_dd if=$n of=back bs=512 count=2048 >/dev/null 2>&1"
runner=$PID
read -r _ <ready
bed_daemon_stop || fail "the daemon does not end in good order below a guest"
echo >go
bed_daemon_start
wait "$runner" || fail "the guest does not go on"
cmp data back
