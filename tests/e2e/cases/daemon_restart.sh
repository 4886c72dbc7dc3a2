# The daemon is restarted below a guest, as a service manager does it, for instance for an upgrade:
# the guest's file stays open, no command fails, and its data are right.
disk disk.img 16M
host
guest demo "file:$DISK,0:0:0:0"
export E2E_STOP=$E2E_DIR/stop E2E_STRICT=1
background pvscsi-run demo -- \
    python3 "$E2E_PROJECT/tests/e2e/writer.py" "$(node 0)" 16777216 "$E2E_DIR/acknowledged"
writer=$PID
for _ in 1 2 3 4 5; do
    until_true 30 test -s "$E2E_DIR/acknowledged" || fail "nothing is acknowledged"
    bed_daemon_stop || fail "the daemon does not end in good order below a guest"
    [ "$(xenstore-read /local/domain/0/backend/vscsi/1/0/state)" = 4 ] || fail "it has closed"
    before=$(stat -c %s "$E2E_DIR/acknowledged")
    bed_daemon_start
    moved() { [ "$(stat -c %s "$E2E_DIR/acknowledged")" -gt $((before + 400)) ]; }
    until_true 30 moved || fail "the guest does not go on"
done
touch "$E2E_STOP"
wait "$writer" || fail "the writer found something wrong"
as demo python3 "$E2E_PROJECT/tests/e2e/writer.py" --check "$(node 0)" "$E2E_DIR/acknowledged"
grep -q 'requests=0' "$BED_DIR/pvscsid.log" || fail "no restart was without commands in flight"
