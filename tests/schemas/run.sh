#!/bin/bash
# The store after every stage of an end-to-end run, against xenstore-schemas/.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/support/bed.sh
. tests/support/bed.sh
# shellcheck source=tests/support/checks.sh
. tests/support/checks.sh

checker=$PWD/xenstore-schemas/check_schemas.py
export checker
conforms() { "$checker" "$@"; }
# The daemon and the guest write when they get to it: look until it is so, or time is over.
becomes() {
    local end=$((SECONDS + 30))
    until "$checker" "$@" >/dev/null; do
        [ "$SECONDS" -lt "$end" ] || { "$checker" "$@"; return 1; }
        sleep 0.05
    done
}

bed_host_start || exit 1
trap 'bed_stop' EXIT
truncate -s 16M "$BED_DIR/disk.img"
cat >"$BED_DIR/demo.cfg" <<CFG
name = "demo"
vscsi = [ 'file:$BED_DIR/disk.img,0:0:0:0,name=disk', 'ram:1M,0:0:1:254,ro', 'null:1G,3:0:0:0' ]
CFG
luns=0:0:0:0,0:0:1:254,3:0:0:0

pvscsictl create --no-wait "$BED_DIR/demo.cfg" || exit 1
check created conforms created --luns "$luns"
bed_daemon_start || exit 1
check offered becomes offered --luns "$luns"

guest=$BED_DIR/guest.sh
cat >"$guest" <<GUEST
set -e
"$checker" connected --luns $luns
echo connected >>stages
pvscsictl attach demo ram:2M,0:0:2:0,name=more
"$checker" added --luns $luns,0:0:2:0
echo added >>stages
pvscsictl detach demo 0:0:2:0
"$checker" removed --luns $luns
echo removed >>stages
if pvscsictl attach demo file:\$BED_DIR/disk.img,0:0:3:0; then exit 1; fi
pvscsictl attach demo null:1M,0:0:3:0
"$checker" added --luns $luns,0:0:3:0
echo numbers >>stages
pvscsictl detach demo 0:0:3:0
GUEST
(cd "$BED_DIR" && export BED_DIR && : >stages && pvscsi-run demo -- bash guest.sh)
for name in connected added removed numbers; do check "$name" grep -qx "$name" "$BED_DIR/stages"; done

check closed becomes closed --luns "$luns"
check connected-again pvscsi-run demo -- "$checker" connected --luns "$luns"
check closed-again becomes closed --luns "$luns"
export PVSCSI_SCHEMAS=$PWD/xenstore-schemas
check check-store pvscsictl check --store demo
lun=$(xenstore-ls -f /local/domain/0/backend/vscsi | sed -n 's,/mode = .*,,p' | head -n 1)
xenstore-write "$lun/mode" x "$lun/other" 1
found=$(pvscsictl check --store demo; echo "status $?")
check check-store-finds [ "$(grep -c "^$lun/\|^status 1" <<<"$found")" = 3 ]
xenstore-rm "$lun/other"
xenstore-write "$lun/mode" w
check list-schema python3 -c '
import json, jsonschema, subprocess, sys
rows = json.loads(subprocess.check_output(["pvscsictl", "list", "--json"]))
schema = json.load(open("backend/ctl/list.schema.json"))
jsonschema.Draft202012Validator.check_schema(schema)
jsonschema.Draft202012Validator(schema).validate(rows)
sys.exit(0 if len(rows) == 3 else 1)'
check destroy pvscsictl destroy demo
check destroyed conforms destroyed

# A daemon that is killed with a guest connected leaves nodes; destroy clears them all the same.
pvscsictl create "$BED_DIR/demo.cfg" || exit 1
bed_daemon_kill
check destroy-without-daemon pvscsictl destroy --timeout 0.5 demo
check destroyed-without-daemon conforms destroyed

trap - EXIT
check bed-ends-cleanly bed_stop
checks_end
