# --persist and a daemon that does not answer in time: what the guest has begun with may happen yet,
# so it is kept; what has to wait until that is over has not begun, and is not.
mkdir xen
BED_DIR=$E2E_DIR/bed
mkdir "$BED_DIR"
printf '[domains]\nfiles = [ "%s/xen/*.cfg" ]\n' "$E2E_DIR" >"$BED_DIR/pvscsid.toml"
config demo "ram:1M,0:0:0:0" "ram:1M,0:0:1:0"
mv demo.cfg xen/
host
bed_ctl create xen/demo.cfg >/dev/null
mkfifo ready go
background pvscsi-run demo -- bash -c 'echo >ready; read -r _ <go'
runner=$PID
read -r _ <ready
late() { # TEXT VERB...
    refused "$1" bed_ctl "$2" --persist --timeout 1 "${@:3}"
    [ "$STATUS" = 5 ] || fail "status $STATUS"
}
kill -STOP "$BED_DAEMON"
late 'may still come.*next start begins with that' attach demo ram:2M,0:0:2:0
late 'nothing was changed' attach demo ram:3M,0:0:3:0
kill -CONT "$BED_DAEMON"
says '' bed_ctl wait --timeout 20 demo 0:0:2:0
kill -STOP "$BED_DAEMON"
late 'is not finished.*next start begins with that' detach demo 0:0:0:0
late 'nothing was changed' detach demo 0:0:1:0
kill -CONT "$BED_DAEMON"
echo >go
wait "$runner" || fail "the guest ended with $?"
cat bed/domains.d/demo.changes
bed_ctl destroy demo >/dev/null
bed_ctl create xen/demo.cfg >/dev/null 2>&1
has() { [ "$(rows demo state | sed 's/ .*//' | sort | xargs)" = "$*" ]; }
until_true 10 has 0:0:1:0 0:0:2:0 || fail "the next life has $(rows demo state)"
