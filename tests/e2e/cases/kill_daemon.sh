# limit: 400
# The daemon is killed at random moments while a guest writes. Every write that was acknowledged
# is there afterwards, the guest goes on with the new daemon, and nothing is left behind.
disk disk.img 16M
host
guest demo "file:$DISK,0:0:0:0"
rounds=${E2E_ROUNDS:-15}
RANDOM=${E2E_SEED:-1}
export E2E_STOP=$E2E_DIR/stop
background pvscsi-run --patience 60 demo -- \
    python3 "$E2E_PROJECT/tests/e2e/writer.py" "$(node 0)" 16777216 "$E2E_DIR/acknowledged"
writer=$PID
for round in $(seq "$rounds"); do
    until_true 30 test -s "$E2E_DIR/acknowledged" || fail "round $round: nothing is acknowledged"
    sleep 0.0$((RANDOM % 10))$((RANDOM % 10))
    bed_daemon_kill
    sleep 0.0$((RANDOM % 10))
    bed_daemon_start || fail "round $round: the daemon does not start again"
    before=$(stat -c %s "$E2E_DIR/acknowledged")
    moved() { [ "$(stat -c %s "$E2E_DIR/acknowledged")" -gt $((before + 400)) ]; }
    until_true 30 moved || fail "round $round: the guest does not go on"
done
touch "$E2E_STOP"
wait "$writer" || fail "the writer found something wrong"
as demo python3 "$E2E_PROJECT/tests/e2e/writer.py" --check "$(node 0)" "$E2E_DIR/acknowledged"
