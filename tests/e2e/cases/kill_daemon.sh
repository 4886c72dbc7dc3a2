# limit: 400
# The daemon is killed at random moments while a guest writes, and started again. The guest sees
# nothing but a pause: no command fails, its connection stays, and every write that was acknowledged
# is there.
disk disk.img 16M
host
guest demo "file:$DISK,0:0:0:0"
rounds=${E2E_ROUNDS:-20}
RANDOM=${E2E_SEED:-1}
writer_start --patience 60
ring_ref=$(xenstore-read /local/domain/1/device/vscsi/0/ring-ref)
for round in $(seq "$rounds"); do
    sleep 0.0$((RANDOM % 10))$((RANDOM % 10))
    bed_daemon_kill
    sleep 0.0$((RANDOM % 10))
    before=$(writer_position)
    bed_daemon_start || fail "round $round: the daemon does not start again"
    writer_must_pass "$before" "round $round"
    [ "$(xenstore-read /local/domain/0/backend/vscsi/1/0/state)" = 4 ] ||
        fail "round $round: the backend is not Connected"
done
writer_stop
[ "$(xenstore-read /local/domain/1/device/vscsi/0/ring-ref)" = "$ring_ref" ] || fail "another ring"
[ "$(grep -c 'taken over luns=1' "$BED_DIR/pvscsid.log")" = "$rounds" ] ||
    fail "the connection was not taken over $rounds times"
