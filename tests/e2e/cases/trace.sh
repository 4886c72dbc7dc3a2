# pvscsictl trace: what programs sent is there with its status; live, followed, after kill -9 with what
# was under way, from a file that pvscsi-bench sends again; kept over detach, gone with the domain.
truncate -s 1M other.img
other=$PWD/other.img
disk disk.img 16M
host --trace-length 64
guest demo "file:$DISK,0:0:0:0" "file:$other,0:0:1:0" ram:1M,0:0:2:0
PATH=$BUILD/frontend/bench:$PATH
state=$BED_DIR/pvscsid

follows_schema() { # FILE [LINES]
    python3 - "$E2E_PROJECT/backend/ctl/trace.schema.json" "$@" <<'PY'
import json, sys
from jsonschema import Draft202012Validator as V
schema = json.load(open(sys.argv[1]))
V.check_schema(schema)
if len(sys.argv) == 3:
    V(schema).validate(json.load(open(sys.argv[2])))
else:
    lines = [json.loads(line) for line in open(sys.argv[2])]
    assert lines
    for line in lines:
        for key in "domain", "domid", "vdev":
            line.pop(key)
        V({**schema["$defs"]["event"], "$defs": schema["$defs"]}).validate(line)
PY
}

# What sg3_utils send.
as demo sg_turs "$(node 0)"
as demo sg_inq "$(node 0)" >/dev/null
status_of as demo sg_raw -r 512 "$(node 0)" 28 00 ff ff ff ff 00 00 01 00
says 'Test Unit Ready.*\[00 00 00 00 00 00\]  GOOD' pvscsictl trace demo 0:0:0:0
says 'Inquiry.*\[12 00 00 00 [0-9a-f]{2} 00\] in [0-9]+  GOOD' pvscsictl trace demo 0:0:0:0
says 'Read\(10\) \[28 00 ff ff ff ff 00 00 01 00\] in 512  CHECK CONDITION 5/21/00, 512 bytes not moved' \
    pvscsictl trace demo 0:0:0:0
says 'pvscsid pid [0-9]+ begins to serve it' pvscsictl trace demo 0:0:0:0
pvscsictl trace demo 0:0:1:0 | grep -q 'Test Unit' && fail "the other LUN has commands that were not for it"
says '0:0:1:0.*begins' pvscsictl trace demo
[ "$(pvscsictl trace demo 0:0:0:0 --last 2 | wc -l)" = 2 ] || fail "--last 2 is not two lines"
pvscsictl trace demo --json >all.json
follows_schema all.json
[ "$(stat -c %a "$state"/1-0.*.trace | sort -u)" = 600 ] || fail "others may read it"

# No data, but their commands.
head -c 4096 /dev/zero | tr '\0' p >data
sed -i 's/pppppppp/precious/g' data
as demo sg_dd if=data of="$(node 0)" bs=512 count=8 >/dev/null 2>&1
says 'Write\(10\).* out 4096  GOOD' pvscsictl trace demo 0:0:0:0
! grep -aq precious "$state"/1-0.*.trace || fail "data are recorded"

# More than it keeps: the newest 64.
as demo sg_dd if="$(node 0)" of=/dev/null bs=512 bpt=1 count=200 >/dev/null 2>&1
[ "$(pvscsictl trace demo 0:0:0:0 | wc -l)" = 64 ] || fail "not the last 64"

refused "no commands of domain 'other' are recorded.*demo 0:0:0:0" pvscsictl trace other
[ "$STATUS" = 4 ] || fail "status $STATUS"
refused "no commands of domain 'demo' at 0:0:7:0" pvscsictl trace demo 0:0:7:0
refused "no commands of domain 'demo' at 0:0:2:0" pvscsictl trace demo 0:0:2:0

# Followed.
background pvscsictl trace demo 0:0:0:0 --follow --json --last 1 >followed
until_true 20 test -s followed || fail "--follow shows nothing"
as demo sg_raw -r 8 "$(node 0)" 25 00 00 00 00 00 00 00 00 00 >/dev/null 2>&1
until_true 20 grep -q '"25 00' followed || fail "--follow does not show the next command"
follows_schema followed LINES
# Nobody reads any more: it ends.
background bash -c 'pvscsictl trace demo 0:0:0:0 --follow --last 5 | head -n 1 >/dev/null'

# Saved, and sent again: the same comes back.
until_true 20 eval 'as demo sg_turs "$(node 0)"; ! kill -0 $PID' || fail "--follow goes on without a reader"
says 'entries of 1 LUN saved' pvscsictl trace demo 0:0:0:0 --save saved
[ "$(stat -c %a saved)" = 600 ] || fail "others may read what was saved"
follows_schema saved
says '^[0-9]+ sent, [0-9]+ as recorded, 0 different, 0 without a recorded answer; 0 skipped' \
    pvscsi-bench demo 0:0:0:0 --replay saved
sed 's/"status": 0/"status": 8/' saved >wrong
refused 'was BUSY, is GOOD' pvscsi-bench demo 0:0:0:0 --replay wrong
refused 'is of several LUNs' pvscsi-bench demo 0:0:0:0 --replay all.json
refused 'is no recording' pvscsi-bench demo 0:0:0:0 --replay data
# Writes only if they are wanted.
as demo sg_dd if=data of="$(node 0)" bs=512 count=8 >/dev/null 2>&1
pvscsictl trace demo 0:0:0:0 --last 10 --save saved
says '[1-9][0-9]* skipped' pvscsi-bench demo 0:0:0:0 --replay saved
[ "$(head -c 8 disk.img)" = precious ] || fail "a replay has written"
says ' 0 skipped' pvscsi-bench demo 0:0:0:0 --replay saved --allow-writes
[ "$(head -c 8 disk.img | tr -d '\0')" = '' ] || fail "a replay with --allow-writes has not written"

# SIGKILL while it works: what it had done is there without it, and goes on with the next one.
writer_start
bed_daemon_kill
killed=$(pvscsictl trace demo 0:0:0:0)
grep -q 'the daemon that served it, pid [0-9]*, is no more' <<<"$killed" || fail "it is not told that the daemon is gone"
grep -Eq 'Write.*(GOOD|under way when the daemon died)' <<<"$killed" || fail "its commands are not there: $killed"
pvscsictl trace demo --json >all.json
follows_schema all.json
before=$(writer_position)
bed_daemon_start --trace-length 64
writer_must_pass "$before" "after the kill"
writer_stop
says '"kind": "command"' pvscsictl trace demo 0:0:0:0 --json

# Detached: kept, at most eight; the domain ends: gone.
truncate -s 1M third.img
for i in $(seq 10); do
    pvscsictl attach demo "file:$E2E_DIR/third.img,0:0:5:0" >/dev/null
    pvscsictl detach demo 0:0:5:0 >/dev/null
done
says 'third.img was detached' pvscsictl trace demo 0:0:5:0
[ "$(find "$state" -name '*.detached-*.trace' | wc -l)" = 8 ] || fail "not eight are kept"
pvscsictl destroy demo
until_true 20 eval '! ls "$state"/*.trace' || fail "records stay behind: $(ls "$state")"

# None is wanted.
bed_daemon_stop
bed_daemon_start --trace-length 0
guest quiet "file:$other,0:0:0:0"
as quiet sg_turs "$(node 0)"
refused 'see trace-length' pvscsictl trace quiet
