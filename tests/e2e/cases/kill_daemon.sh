# limit: 400
# The daemon is killed at random moments while a guest writes, and started again. The guest sees
# nothing but a pause: no command fails, its connection stays, and every write that was acknowledged
# is there.
disk disk.img 16M
host
guest demo "file:$DISK,0:0:0:0"
rounds=${E2E_ROUNDS:-20}
RANDOM=${E2E_SEED:-1}
export E2E_STOP=$E2E_DIR/stop E2E_STRICT=1
background pvscsi-run --patience 60 demo -- \
    python3 "$E2E_PROJECT/tests/e2e/writer.py" "$(node 0)" 16777216 "$E2E_DIR/acknowledged"
writer=$PID
until_true 30 test -s "$E2E_DIR/acknowledged" || fail "nothing is acknowledged"
ring_ref=$(xenstore-read /local/domain/1/device/vscsi/0/ring-ref)
for round in $(seq "$rounds"); do
    sleep 0.0$((RANDOM % 10))$((RANDOM % 10))
    bed_daemon_kill
    sleep 0.0$((RANDOM % 10))
    before=$(stat -c %s "$E2E_DIR/acknowledged")
    bed_daemon_start || fail "round $round: the daemon does not start again"
    moved() { [ "$(stat -c %s "$E2E_DIR/acknowledged")" -gt $((before + 400)) ]; }
    until_true 30 moved || fail "round $round: the guest does not go on"
    [ "$(xenstore-read /local/domain/0/backend/vscsi/1/0/state)" = 4 ] ||
        fail "round $round: the backend is not Connected"
done
touch "$E2E_STOP"
wait "$writer" || fail "the writer found something wrong"
[ "$(xenstore-read /local/domain/1/device/vscsi/0/ring-ref)" = "$ring_ref" ] || fail "another ring"
[ "$(grep -c 'taken over luns=1' "$BED_DIR/pvscsid.log")" = "$rounds" ] ||
    fail "the connection was not taken over $rounds times"
as demo python3 "$E2E_PROJECT/tests/e2e/writer.py" --check "$(node 0)" "$E2E_DIR/acknowledged"
