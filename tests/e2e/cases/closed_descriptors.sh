# Programs that are started without standard input, output or error: what they open does not get these numbers,
# so nothing that is printed or logged goes to a guest's disk, to the store or to the other end of a socket.
noise a.img 4M
DISK=$E2E_DIR/a.img
before=$(checksum a.img)
host
guest demo "file:$DISK,0:0:0:0"
not_done() { # COMMAND
    local status=0
    sh -c "$1" || status=$?
    [ "$status" = 1 ] || fail "'$1' ended with $status"
}
not_done 'pvscsictl list >&- 2>said'
grep -q 'writing to standard output: Bad file descriptor' said || fail "not said: $(cat said)"
not_done 'pvscsictl show demo >&- 2>&-'
not_done 'pvscsictl show demo >/dev/full 2>/dev/full'
bed_ctl reload 2>&- >said
bed_ctl list <&- 2>&- >said
grep -q demo said || fail "no list: $(cat said)"

# The daemon: each descriptor that it has below 3 is /dev/null.
bed_daemon_stop
pvscsid --log-level debug <&- >&- 2>&- &
daemon=$!
E2E_PIDS+=("$daemon")
until_true 10 bed_ctl stats || fail "it does not start"
for number in 0 1 2; do
    [ "$(readlink "/proc/$daemon/fd/$number")" = /dev/null ] || fail "$number is $(readlink "/proc/$daemon/fd/$number")"
done
as demo sg_inq "$(node 0)" >/dev/null
pvscsi-bench demo 0:0:0:0 --rw=randread --runtime=0.3 --bs=4k >&- 2>&- || true
as demo true <&- >&- 2>&-
kill -TERM "$daemon"
wait "$daemon" || fail "it does not end well"
[ "$(checksum a.img)" = "$before" ] || fail "the guest's disk was written to"
bed_daemon_start
