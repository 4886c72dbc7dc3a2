# pvscsictl inject: each fault is seen by a guest's program as it is meant, and is over when it is
# cleared; a host that does not allow it has none; list, stats and log tell of it.
disk disk.img 16M
host
guest demo "file:$DISK,0:0:0:0"
PATH=$BUILD/frontend/bench:$PATH
log=$BED_DIR/pvscsid.log

refused 'faults are not allowed here: allow = true below \[inject\]' pvscsictl inject demo 0:0:0:0 drop
echo '[inject]
allow = true' >"$BED_DIR/pvscsid.toml"
pvscsictl reload >/dev/null
refused 'it was opened before faults were allowed' pvscsictl inject demo 0:0:0:0 status=busy
truncate -s 1M other.img
pvscsictl attach demo "file:$PWD/other.img,0:0:1:0" >/dev/null
lun=/dev/pvscsi/0:0:1:0
inject() { pvscsictl inject demo 0:0:1:0 "$@"; }
only() { inject --clear "$@" >/dev/null || fail "no rule is set: $*"; }

says 'no faults are injected' inject
says 'no faults are injected' inject --list
refused "expected a number to 0xff or a name" inject opcode=reed,drop
[ "$STATUS" = 2 ] || fail "status $STATUS"
refused "there is no domain 'nobody'" pvscsictl inject nobody 0:0:1:0
refused 'it is not served now' pvscsictl inject demo 0:0:7:0 drop
refused 'is no address' pvscsictl inject demo 0:0:1 drop

# Sense, and who is told.
says 'opcode=test_unit_ready,count=2,sense=2/04/01 +0 +0' inject opcode=test_unit_ready,count=2,sense=2/04/01
says 'faults are injected on purpose, 1 rule' pvscsictl list demo
grep -q 'faults are injected rule="opcode=test_unit_ready,count=2,sense=2/04/01"' "$log" || fail "the log does not say it"
refused 'device not ready' as demo sg_turs "$lun"
[ "$STATUS" = 2 ] || fail "sg_turs ended with $STATUS"
refused 'device not ready' as demo sg_turs "$lun"
says '' as demo sg_turs "$lun"
says 'sense=2/04/01 +2 +2' inject
inject --json | python3 -c 'import json, sys
from jsonschema import Draft202012Validator as V
schema = json.load(open(sys.argv[1]))
V.check_schema(schema)
V(schema).validate(json.load(sys.stdin))' "$E2E_PROJECT/backend/ctl/inject.schema.json"
says '0:0:1:0: faults were injected into 2 commands' pvscsictl stats demo
says 'Test Unit Ready.*CHECK CONDITION 2/04/01' pvscsictl trace demo 0:0:1:0
says 'no faults are injected' inject --clear
pvscsictl list demo | grep -q 'faults' && fail "the list warns still"
grep -q 'no faults are injected any more' "$log" || fail "the log does not say that they are cleared"

# Status, host code, residual.
only status=busy,opcode=0x25
says 'SCSI Status: Busy' as demo bash -c "sg_raw -r 8 $lun 25 00 00 00 00 00 00 00 00 00; true"
only status=task-set-full,opcode=0x25
says '.*' as demo bash -c "sg_raw -r 8 $lun 25 00 00 00 00 00 00 00 00 00; true"
says 'Read capacity\(10\).*TASK SET FULL' pvscsictl trace demo 0:0:1:0
only status=reservation-conflict,opcode=test_unit_ready
refused 'eservation conflict' as demo sg_turs -v "$lun"
[ "$STATUS" = 24 ] || fail "sg_turs ended with $STATUS"
only host=error,opcode=read
status_of as demo sg_dd if="$lun" of=/dev/null bs=512 count=1
[ "$STATUS" -ne 0 ] || fail "a host code does not reach the guest"
only short=100,opcode=read_10
says 'Received 412 bytes of data' as demo sg_raw -r 512 "$lun" 28 00 00 00 00 00 00 00 01 00
only lba=8-15,sense=3/11/00
as demo sg_dd if="$lun" of=/dev/null bs=512 count=8 bpt=8 2>/dev/null || fail "other blocks fail, too"
says 'Read\(10\).*CHECK CONDITION 3/11/00' bash -c "! pvscsi-run demo -- sg_dd if=$lun of=/dev/null bs=512 skip=8 count=8 bpt=8 2>/dev/null; pvscsictl trace demo 0:0:1:0"

# Late.
only opcode=0x25,delay=700
begin=$(date +%s%N)
as demo sg_raw -r 8 "$lun" 25 00 00 00 00 00 00 00 00 00 >/dev/null 2>&1
[ $(($(date +%s%N) - begin)) -ge 700000000 ] || fail "it was not late"

# Dropped: the guest's timeout aborts it, and it goes on with the next one.
only opcode=0x25,count=1,drop
status_of as demo sg_raw -t 1 -r 8 "$lun" 25 00 00 00 00 00 00 00 00 00
[ "$STATUS" -ne 0 ] || fail "what was dropped was answered"
says 'ABORT of tag [0-9]+  done' pvscsictl trace demo 0:0:1:0
says 'host ABORT' pvscsictl trace demo 0:0:1:0
says '' as demo sg_raw -r 8 "$lun" 25 00 00 00 00 00 00 00 00 00

# And the ABORT is lost: the guest, which has no answer in time, resets, and that helps.
only opcode=0x25,count=1,drop,lost-abort
status_of as demo sg_raw -t 1 -r 8 "$lun" 25 00 00 00 00 00 00 00 00 00
[ "$STATUS" -ne 0 ] || fail "what was dropped was answered"
says 'RESET  done' pvscsictl trace demo 0:0:1:0
says 'Read capacity\(10\).*host RESET' pvscsictl trace demo 0:0:1:0
refused 'Unit attention' as demo sg_turs "$lun"
says '' as demo sg_turs "$lun"

# A program that ends with its command dropped leaves nothing.
only opcode=0x25,drop
background pvscsi-run demo -- sg_raw -t 100 -r 8 "$lun" 25 00 00 00 00 00 00 00 00 00
until_true 20 eval 'pvscsictl trace demo 0:0:1:0 | grep -q "Read capacity(10).*under way"' || fail "it is not under way"
kill -KILL -- "-$PID"
until_true 20 eval 'pvscsictl stats demo --json | grep -q "\"in_flight\": 1" && false || true'
inject --clear >/dev/null
says '' as demo sg_turs "$lun"

# Some of many, and the others are right.
only probability=0.3,opcode=read,status=busy
as demo bash -c "for i in \$(seq 30); do sg_raw -r 512 $lun 28 00 00 00 00 00 00 00 01 00; done" >many 2>&1 || true
busy=$(grep -c 'SCSI Status: Busy' many)
[ "$busy" -gt 0 ] && [ "$busy" -lt 30 ] || fail "$busy of 30 were busy"

# At most 32, and nothing is set if they are more.
only drop
rules=()
for i in $(seq 32); do rules+=("opcode=$i,drop"); done
refused 'a LUN has 32 rules at most' inject "${rules[@]}"
[ "$(inject | wc -l)" = 2 ] || fail "some were set"
inject --clear "${rules[@]}" >/dev/null || fail "32 are refused"

# The key is taken away: all is over at once, and refused.
rm "$BED_DIR/pvscsid.toml"
: >"$BED_DIR/pvscsid.toml"
pvscsictl reload >/dev/null
says '' as demo sg_turs "$lun"
refused 'faults are not allowed here' inject drop
pvscsictl list demo | grep -q 'faults' && fail "the list warns still"
exit 0
