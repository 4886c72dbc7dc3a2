# limit: 240
# The target is killed and started again below a guest that writes, and so is the daemon: each write
# that was acknowledged is there, and the guest goes on by itself.
tgt
truncate -s 16M disk
tgt_target 1
tgt_lun 1 1 "$E2E_DIR/disk"
tgt_made tgt_open 1
host
guest demo "$(tgt_url 1 1),0:0:0:0"
status_of as demo sg_turs -n 2 "$(node 0)"
E2E_STOP=$E2E_DIR/stop background pvscsi-run --patience 60 demo -- \
    python3 "$E2E_PROJECT/tests/e2e/writer.py" "$(node 0)" 16777216 "$E2E_DIR/acknowledged"
export WRITER=$PID
until_true 30 test -s acknowledged || fail "nothing is acknowledged"
for round in 1 2 3; do
    before=$(writer_position)
    tgt_kill
    sleep 1.$round
    tgt_restart || fail "tgtd does not start again"
    writer_must_pass "$before" "target, round $round"
    before=$(writer_position)
    bed_daemon_kill
    bed_daemon_start || fail "the daemon does not start again"
    writer_must_pass "$before" "daemon, round $round"
    # Both at once: the daemon cannot reach the unit when it takes the guest over.
    before=$(writer_position)
    bed_daemon_kill
    tgt_kill
    bed_daemon_start || fail "the daemon does not start again"
    sleep 1
    [ "$(rows demo state)" = "0:0:0:0 connected" ] || fail "given up: $(rows demo state) $(rows demo error)"
    tgt_restart || fail "tgtd does not start again"
    writer_must_pass "$before" "both, round $round"
done
writer_stop
grep -q 'the session is there again' bed/pvscsid.log || fail "no session was lost"
# A guest that is killed and one that is restarted in good order leave nothing behind.
bed_daemon_stop || fail "the daemon does not end"
bed_daemon_start
says '' as demo sg_turs -n 3 "$(node 0)"
