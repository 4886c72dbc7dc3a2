# SIGINT ends the daemon for good: the guest's connection is closed, and made anew by the next one.
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
bed_end "$BED_DAEMON" INT || fail "the daemon does not end in good order below a guest"
BED_DAEMON=
echo >go
bed_daemon_start
wait "$runner" || fail "the guest does not go on"
cmp data back
! grep -q 'taken over' "$BED_DIR/pvscsid.log" || fail "it was not closed"
