# limit: 400
# LUNs come and go 50 times while fio writes to another one; every one works while it is there.
disk a.img 64M
a=$DISK
disk b.img 8M
host
guest demo "file:$a,0:0:0:0"
mkfifo ready go
background pvscsi-run demo -- bash -c '
    fio --name=load --filename="$1" --ioengine=sg --rw=randwrite --bs=4k --iodepth=8 --size=16M \
        --verify=crc32c --verify_fatal=1 --loops=100000 --time_based --runtime=300 >fio.log 2>&1 &
    load=$!
    echo >ready
    while read -r command <go; do
        [ "$command" = end ] && break
        eval "$command" >answer 2>&1
        echo $? >status
        echo >ready
    done
    kill -INT $load
    wait $load || [ $? -eq 128 ] # what fio says after SIGINT
' _ '/dev/pvscsi/0\:0\:0\:0'
runner=$PID
read -r _ <ready
inside() { # a command under the running pvscsi-run
    echo "$1" >go
    read -r _ <ready
    STATUS=$(cat status)
}
for round in $(seq "${E2E_ROUNDS:-50}"); do
    bed_ctl attach demo "file:$DISK,0:0:0:1" || fail "round $round: attach"
    inside "sg_turs $(node 1) || sg_turs $(node 1)"
    [ "$STATUS" -eq 0 ] || fail "round $round: the new LUN is not ready: $(cat answer)"
    inside "sg_dd if=/dev/zero of=$(node 1) bs=512 count=64"
    [ "$STATUS" -eq 0 ] || fail "round $round: writing to the new LUN: $(cat answer)"
    bed_ctl detach demo 0:0:0:1 || fail "round $round: detach"
    inside "test -e $(node 1)"
    [ "$STATUS" -ne 0 ] || fail "round $round: the removed LUN is still there"
done
echo end >go
wait "$runner" || fail "fio ended with $?: $(tail -n 5 fio.log)"
! grep -qE 'err=[ ]*[1-9]|verify:' fio.log || fail "fio: $(grep -E 'err=|verify' fio.log | head -n 3)"
