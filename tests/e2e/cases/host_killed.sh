# The embedded host is killed under a daemon and a guest. The daemon says why and ends; the guest's
# commands are answered or end, without anybody spinning; the same directory serves again.
host
guest demo "ram:8M,0:0:0:0"
mkfifo ready go
background pvscsi-run --patience 1 demo -- bash -c "
    sg_turs $(node 0); echo >ready; read -r _ <go
    sg_turs --verbose $(node 0) 2>&1; echo >ready; read -r _ <go
    timeout 60 sg_raw --timeout=1 $(node 0) 00 00 00 00 00 00; echo >ready; read -r _ <go"
runner=$PID
read -r _ <ready
kill -KILL "$BED_HOSTD"
wait "$BED_HOSTD" || true
BED_HOSTD=

# The data path has no host in it.
echo >go
read -r _ <ready

daemon=$BED_DAEMON
BED_DAEMON=
timeout 30 tail --pid="$daemon" -s 0.05 -f /dev/null || fail "the daemon does not end"
status=0
wait "$daemon" || status=$?
[ "$status" = 1 ] || fail "the daemon ended with $status"
grep -q 'the connection to the xenstore is broken; ending' "$E2E_DIR/bed/pvscsid.log" ||
    fail "the daemon does not say why it ended"
refused "cannot connect to $E2E_DIR/bed/.*no pvscsi-hostd" pvscsictl list

# Nobody is there to answer: the command's own timeout ends it, and pvscsi-run then sleeps.
echo >go
read -r _ <ready
cpu() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
before=$(cpu "$runner")
sleep 1
[ $(($(cpu "$runner") - before)) -le 10 ] || fail "pvscsi-run spins without store and backend"
echo >go
wait "$runner" || fail "pvscsi-run failed"

bed_host_start && bed_daemon_start || fail "the directory does not serve again"
guest demo "ram:8M,0:0:0:0"
says '' as demo sg_turs "$(node 0)"
