# shellcheck shell=bash disable=SC2154  # sourced by run.sh, which has check, says and the bed
# The daemon's control socket: stats, reload, log-level. demo's guest is connected.

control=$BED_DIR/pvscsid/control
stat_of() { # VDEV KEY
    pvscsictl stats demo --json | python3 -c '
import json, sys
print(*[l[sys.argv[2]] for l in json.load(sys.stdin)["luns"] if l["vdev"] == sys.argv[1]])' "$@"
}
# speaks LINE TEXT: what is sent there as it is, is answered with TEXT in it; empty: not at all.
speaks() {
    python3 - "$control" "$1" "$2" <<'PY'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(20)
s.connect(sys.argv[1])
s.sendall(sys.argv[2].encode().decode("unicode_escape").encode("latin-1"))
s.shutdown(socket.SHUT_WR)
said = b""
try:
    while part := s.recv(65536):
        said += part
except ConnectionResetError:
    pass  # it had more to read
good = sys.argv[3].encode() in said if sys.argv[3] else not said
if not good:
    print("said", said)
sys.exit(not good)
PY
}
counts_reads() {
    local before after
    before=$(stat_of 0:0:0:0 read_bytes)
    pvscsi-run demo -- sg_dd if=/dev/pvscsi/0:0:0:0 of=/dev/null bs=512 count=64 >/dev/null 2>&1
    after=$(stat_of 0:0:0:0 read_bytes)
    [ "$((after - before))" -ge 32768 ] || { echo "before $before, after $after"; return 1; }
}
refused_counts() { # a command that the disk does not know, and what it does to `check_conditions`
    local before
    before=$(stat_of 0:0:0:0 check_conditions)
    pvscsi-run demo -- sg_raw /dev/pvscsi/0:0:0:0 f0 0 0 0 0 0 >/dev/null 2>&1
    [ "$(stat_of 0:0:0:0 check_conditions)" -gt "$before" ]
}
stats_follow_schema() {
    pvscsictl stats --json | python3 -c '
import json, sys
from jsonschema import validate
validate(json.load(sys.stdin), json.load(open("backend/ctl/stats.schema.json")))'
}

check stats-count-reads counts_reads
check stats-count-check-conditions refused_counts
check stats-follow-their-schema stats_follow_schema
check stats-table says 0 'DOMAIN  ID  VDEV' pvscsictl stats
check stats-of-nobody says 4 "there is no domain 'nobody'" pvscsictl stats nobody
demo_number=$(pvscsictl list demo --json | grep -om 1 '"domid": *[0-9]*' | grep -o '[0-9]*$')
check stats-by-number says 0 '0:0:0:0' pvscsictl stats "$demo_number"

# A member of the socket's group, who may ask the daemon and not open the store.
member_room=$BED_DIR/member
as_member() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
member_does() { # STATUS TEXT ARGUMENT...
    local status=$1 text=$2
    shift 2
    says "$status" "$text" as_member "$member_room/pvscsictl" "$@"
}
let_member_in() {
    mkdir -m 755 "$member_room"
    install -m 755 "$(command -v pvscsictl)" "$member_room/pvscsictl"
    chgrp 65534 "$control" && chmod 660 "$control"
    local folder
    for folder in "$BED_DIR" "$BED_DIR/pvscsid"; do chmod o+x "$folder"; done
    as_member test -w "$control"
}
if [ "$(id -u)" = 0 ]; then
    check member-may-ask let_member_in
    check member-has-no-store member_does 6 'try it as root' list
    check member-stats member_does 0 '0:0:0:0' stats demo
    check member-stats-of-nobody member_does 4 "there is no domain 'nobody' with LUNs of this pvscsid; there are demo" stats nobody
    check member-inject member_does 1 'faults are not allowed here' inject demo 0:0:0:0 drop
    check member-accept member_does 0 "of domain 'demo' lead to now is right" accept demo
    check member-accept-by-number member_does 0 "of domain 'demo' lead to" accept "$demo_number"
    check member-log-level member_does 0 info log-level
    check member-reload member_does 0 'read again' reload
    chgrp 0 "$control" && chmod 600 "$control"
fi
check log-level says 0 info pvscsictl log-level
check log-level-set says 0 debug pvscsictl log-level debug
check log-level-is-kept says 0 debug pvscsictl log-level
check log-level-wrong says 2 LEVEL pvscsictl log-level loud
check log-level-back says 0 info pvscsictl log-level info
printf '[daemon]\nthreads = 0\n' >"$BED_DIR/pvscsid.toml"
check reload-wrong-settings says 1 'pvscsid.toml:2' pvscsictl reload
printf '[allow]\nfolders = [ "%s" ]\n' "$BED_DIR/nowhere" >"$BED_DIR/pvscsid.toml"
check reload says 0 'read again' pvscsictl reload
check reload-counts says 1 "is not in folders of [allow]" \
    pvscsictl attach demo "file:$BED_DIR/other.img,0:0:5:0"
rm "$BED_DIR/pvscsid.toml"
check reload-without-file says 1 'cannot be read' pvscsictl reload

check control-is-private [ "$(stat -c %a "$control")" = 600 ]
check control-no-json speaks 'hello\n' 'expected an object'
check control-deep-json speaks "$(printf '[%.0s' {1..3000})\n" 'expected an object'
check control-wrong-type speaks '{"do": 7}\n' 'expected an object'
check control-wrong-level speaks '{"do": "log-level", "level": {}}\n' 'expected debug'
check control-unknown speaks '{"do": "\xff\x00"}\n' '"error"'
check control-two-lines speaks '{"do": "log-level"}\n{"do": "nothing"}\n' 'not known: nothing'
check control-half-a-line speaks '{"do": "log-level"}' ''
check control-endless-line speaks "$(printf 'x%.0s' {1..5000})" ''
# More than it takes, all silent: the next one has to wait for none of them for good.
crowded() {
    python3 - "$control" <<'PY'
import socket, sys
held = []
for _ in range(40):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    held.append(s)
closed = 0
for s in held[16:]:
    s.settimeout(20)
    closed += s.recv(1) == b""
sys.exit(closed != 24)
PY
}
check control-crowded crowded
check control-after-the-crowd until_true 20 says 0 info pvscsictl log-level
