# limit: 400
# The guest is killed at random moments. The daemon stays, what was acknowledged is there, the
# next connection works, and the host gets back what the guest had.
disk disk.img 16M
host
guest demo "file:$DISK,0:0:0:0"
rounds=${E2E_ROUNDS:-15}
RANDOM=${E2E_SEED:-2}
for round in $(seq "$rounds"); do
    rm -f "$E2E_DIR/acknowledged"
    background pvscsi-run demo -- \
        python3 "$E2E_PROJECT/tests/e2e/writer.py" "$(node 0)" 16777216 "$E2E_DIR/acknowledged"
    runner=$PID
    until_true 30 test -s "$E2E_DIR/acknowledged" || fail "round $round: nothing is acknowledged"
    sleep 0.0$((RANDOM % 10))$((RANDOM % 10))
    kill -KILL "$runner"
    wait "$runner" 2>/dev/null || true
    writer_check "round $round"
    kill -0 "$BED_DAEMON" || fail "round $round: the daemon has died"
    [ $((round % 5)) -ne 1 ] || open=$(descriptors "$BED_DAEMON")
    [ "$round" -ne 1 ] || first=$open
done
sleep 0.5
[ "$open" -le $((first + 2)) ] || fail "the daemon's descriptors: $first, then $open"
