# limit: 200
# Programs are killed with commands in flight, beside one that writes and verifies all the time:
# that one sees nothing of it, and pvscsi-run keeps nothing of them.
disk disk.img 64M
noise data 16M
host
guest demo "file:$DISK,0:0:0:0"
mkfifo ready go
RANDOM=${E2E_SEED:-3}
background pvscsi-run demo -- bash -c '
    fio --name=beside --filename="$1" --ioengine=sg --rw=randwrite --bs=4k --iodepth=8 --size=8M \
        --verify=crc32c --verify_fatal=1 --loops=1000 --time_based --runtime=300 >fio.log 2>&1 &
    beside=$!
    echo >ready
    read -r _ <go
    kill -INT $beside
    wait $beside || [ $? -eq 128 ] # what fio says after SIGINT
' _ '/dev/pvscsi/0\:0\:0\:0'
runner=$PID
read -r _ <ready
before=$(descriptors "$runner")
for round in $(seq "${E2E_ROUNDS:-20}"); do
    victims=()
    for thread in 1 2; do
        background pvscsi-run demo -- sgp_dd if=data of="$(node 0)" bs=512 count=32768 \
            seek=$((32768 + thread)) thr=4
        victims+=("$PID")
    done
    sleep "0.0$((RANDOM % 10))"
    for victim in "${victims[@]}"; do
        kill -KILL -- "-$victim" 2>/dev/null || true
        wait "$victim" || true
    done
    kill -0 "$runner" || fail "round $round: pvscsi-run has died"
done
# One more for the node of the program beside, which may have opened it after the count.
settled() { [ "$(descriptors "$runner")" -le $((before + 1)) ]; }
until_true 10 settled || fail "descriptors: $before before, $(descriptors "$runner") after"
echo >go
wait "$runner" || fail "the program beside failed: $(tail -n 5 fio.log)"
! grep -qE 'err=[ ]*[1-9]|verify:' fio.log || fail "fio: $(grep -E 'err=|verify' fio.log | head -n 3)"
