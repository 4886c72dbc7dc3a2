# The daemon is restarted below a guest, as a service manager does it, for instance for an upgrade:
# the guest's file stays open, no command fails, and its data are right.
disk disk.img 16M
host
guest demo "file:$DISK,0:0:0:0"
writer_start
for round in 1 2 3 4 5; do
    bed_daemon_stop || fail "the daemon does not end in good order below a guest"
    [ "$(xenstore-read /local/domain/0/backend/vscsi/1/0/state)" = 4 ] || fail "it has closed"
    before=$(writer_position)
    bed_daemon_start
    writer_must_pass "$before" "round $round"
done
writer_stop
grep -q 'requests=0' "$BED_DIR/pvscsid.log" || fail "no restart was without commands in flight"
