# A backing that is missing is one LUN's trouble: it is named, with the reason; the others work.
disk good.img 4M
good=$DISK
disk gone.img 4M
BED_DIR=$E2E_DIR/bed
bed_host_start
guest demo "file:$good,0:0:0:0" "file:$DISK,0:0:0:1"
rm "$DISK"
bed_daemon_start
mkfifo ready go
background pvscsi-run demo -- bash -c "sg_turs $(node 0) || exit 1; echo >ready; read -r _ <go"
read -r _ <ready
[ "$(pvscsi-run demo --list)" = "$(node 0)" ] || fail "not just the good one: $(pvscsi-run demo --list)"
grep -q '^0:0:0:0 connected' <(rows demo state) || fail "states: $(rows demo state)"
grep -q '^0:0:0:1 failed' <(rows demo state) || fail "states: $(rows demo state)"
grep -qi '^0:0:0:1.*no such file' <(rows demo error) || fail "reasons: $(rows demo error)"
echo >go
wait "$PID" || fail "the good one does not work"
