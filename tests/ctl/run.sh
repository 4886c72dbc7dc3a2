#!/bin/bash
# pvscsictl as an administrator meets it: messages, exit statuses, guests that do not answer.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/support/bed.sh
. tests/support/bed.sh
# shellcheck source=tests/support/checks.sh
. tests/support/checks.sh

# says STATUS TEXT COMMAND...: ends with that status and says that, on either output.
says() {
    local wanted=$1 text=$2 status=0 said
    shift 2
    said=$("$@" 2>&1) || status=$?
    if [ "$status" != "$wanted" ]; then
        printf '%s: status %s, expected %s; said:\n%s\n' "$*" "$status" "$wanted" "$said"
        return 1
    fi
    grep -qF -- "$text" <<<"$said" && return 0
    printf '%s: does not say "%s" but:\n%s\n' "$*" "$text" "$said"
    return 1
}
state_is() { # VDEV STATE
    local state
    state=$(pvscsictl list --json | python3 -c '
import json, sys
print(*[row["state"] for row in json.load(sys.stdin) if row["vdev"] == sys.argv[1]])' "$1")
    [ "$state" = "$2" ] || { echo "$1 is '$state', expected '$2'"; return 1; }
}
# until_true SECONDS COMMAND...: looks until it is so, or time is over.
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null; do
        [ "$SECONDS" -lt "$end" ] || { "$@"; return 1; }
        sleep 0.05
    done
}

if [ ! -e /dev/xen ]; then
    check no-host says 6 'To use the embedded host, start pvscsi-hostd' \
        env -u PVSCSI_HOST pvscsictl list
fi
check dead-host says 6 "cannot connect to $PWD/hypervisor" pvscsictl --host "$PWD" list
check check-entry says 0 '1 entry is right' \
    env -u PVSCSI_HOST pvscsictl check --syntax file:/none.img,0:0:0:0,ro
check check-wrong-entry says 1 "entry 1: '0:0:0': VDEV has 3 of 4 numbers" \
    env -u PVSCSI_HOST pvscsictl check --syntax ram:1M,0:0:0
check check-misfit says 1 "'vport=auto': this PDEV does not say which target port has the unit" \
    env -u PVSCSI_HOST pvscsictl check --syntax 1:0:2:0,0:0:0:0,vport=auto
check check-no-file says 1 'none.cfg: No such file' pvscsictl check --syntax "$PWD/none.cfg"
check check-endless-file says 1 '/dev/zero: not a regular file' pvscsictl check --syntax /dev/zero
check no-verb says 2 'a verb is needed, one of create, destroy' pvscsictl
check wrong-verb says 2 "unknown verb 'atach'; did you mean 'attach'?" pvscsictl atach demo ram:1M,0:0:0:0
check wrong-verb-swapped says 2 "unknown verb 'lsit'; did you mean 'list'?" pvscsictl lsit --json
check wrong-verb-too-long says 2 "unknown verb 'definee'; did you mean 'define'?" pvscsictl --host "$PWD" definee x
check wrong-verb-between says 2 "unknown verb 'undetach'; did you mean 'detach'?" pvscsictl undetach
check wrong-verb-far says 2 "unknown verb 'zzz'; expected one of create, destroy" pvscsictl zzz
check wrong-verb-hostile says 2 "unknown verb '\x1b[2J'" pvscsictl $'\e[2J'
check wrong-option says 2 "unknown option '--forc'; did you mean '--force'?" pvscsictl detach a 0:0:0:0 --forc
check wrong-option-short says 2 "unknown option '-x'; see pvscsictl list --help" pvscsictl list -x
check wrong-option-far says 2 "unknown option '--nothing'; see pvscsictl list --help" pvscsictl list --nothing
check wrong-option-of-all says 2 "unknown option '--hots'; did you mean '--host'?" pvscsictl --hots=x list
check option-before-its-verb says 2 '--json belongs behind its verb: pvscsictl list --json' pvscsictl --json list
check too-many-arguments says 2 "'b' is one argument too many; see pvscsictl list --help" pvscsictl list a b c
for seconds in nan 0 -1 86401 inf x; do
    check "timeout-$seconds" says 2 "'$seconds' is no number from 0.1 to 86400" pvscsictl wait a "--timeout=$seconds"
done
check help-tells-the-grammar says 0 'null:SIZE' pvscsictl create --help
check help-tells-exit-statuses says 0 '5 not finished in time' pvscsictl --help
check help-tells-of-no-daemon says 0 '7 (create, attach) done, but no backend' pvscsictl --help

# shellcheck disable=SC2119  # no options for the daemon
bed_start || exit 1
trap 'bed_stop' EXIT
truncate -s 16M "$BED_DIR/disk.img"
truncate -s 16M "$BED_DIR/other.img"
bad=$BED_DIR/bad.cfg
cat >"$bad" <<CFG
name = "bad"
vscsi = [ 'file:$BED_DIR/none.img,0:0:0:0', 'ram:1000,0:0:0:0,rw', 'fc.500507680120a1b2:0@0x500507680120A1B3,0:0:2:0' ]
CFG
check bad-file says 3 'nothing was changed' pvscsictl create "$bad"
check bad-file-missing-backing \
    says 3 "bad.cfg: vscsi: entry 1: 'file:$BED_DIR/none.img': there is no such file" \
    pvscsictl create "$bad"
check bad-file-size says 3 "entry 2: 'ram:1000': the size is not a multiple of 512" \
    pvscsictl create "$bad"
check bad-file-option says 3 "entry 2: 'rw': this option is not known; expected nothing: without 'ro'" pvscsictl create "$bad"
check bad-file-no-such-port \
    says 3 "entry 3: 'fc.500507680120a1b2:0@0x500507680120A1B3': this host has no port with the name 500507680120a1b3" \
    pvscsictl create "$bad"
check check-bad-file says 1 "bad.cfg: vscsi: entry 2: 'ram:1000': the size" pvscsictl check "$bad"
check check-bad-syntax says 1 "bad.cfg: vscsi: entry 2: 'rw': this option" \
    pvscsictl check --syntax "$bad"
check check-backing says 1 "entry 1: 'file:$BED_DIR/none.img': there is no such file" \
    pvscsictl check "file:$BED_DIR/none.img,0:0:0:0"
check check-host-entry says 1 "'1000:0:2:0': there is no host adapter 1000" pvscsictl check 1000:0:2:0,host
check attach-misfit says 3 "'vport=auto': this PDEV does not say which target port has the unit" \
    pvscsictl attach none /dev/sg0,0:0:0:0,vport=auto
check attach-other-backend says 3 "'storage': the third field, as it is no option, names the domain" \
    pvscsictl attach none ram:1M,0:0:0:0,storage
check bad-file-changed-nothing says 4 "there is no domain 'bad'" pvscsictl list bad
check no-file says 3 'No such file' pvscsictl create "$BED_DIR/none.cfg"

cat >"$BED_DIR/demo.cfg" <<CFG
name = "demo"
vscsi = [ 'file:$BED_DIR/disk.img,0:0:0:0', 'ram:1M,0:0:1:0' ]
CFG
check create says 0 "'demo' created with 2 LUNs" pvscsictl create "$BED_DIR/demo.cfg"
check create-twice says 1 "domain 'demo' runs already" pvscsictl create "$BED_DIR/demo.cfg"
check check-running-file says 0 '2 entries are right' pvscsictl check "$BED_DIR/demo.cfg"
check check-good-text says 0 '2 entries are right' pvscsictl check --syntax "$BED_DIR/demo.cfg"
check attach-options says 0 'attached' \
    pvscsictl attach demo null:1G,0:0:9:0,Domain-0,queue-depth=3,name=q
queue_depth() { xenstore-read "$(xenstore-ls -f /local/domain/0/backend/vscsi | sed -n 's/ = .*//; /queue-depth$/p')"; }
check attach-options-are-written [ "$(queue_depth)" = 3 ]
check in-use says 3 'uses it as 0:0:0:0' pvscsictl attach demo "file:$BED_DIR/disk.img,0:0:3:0"
check taken says 1 '0:0:1:0 is taken by ram:1M' pvscsictl attach demo ram:2M,0:0:1:0

# Somebody else has the file: only the daemon can find out, when it opens it.
python3 -c '
import fcntl, os, struct, sys, time
fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(fd, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))  # F_OFD_SETLK
open(sys.argv[1] + ".locked", "w").close()
time.sleep(600)' "$BED_DIR/other.img" &
locker=$!
until_true 30 test -e "$BED_DIR/other.img.locked" || exit 1
check locked-elsewhere says 1 'it was not attached' \
    pvscsictl attach demo "file:$BED_DIR/other.img,0:0:4:0"
check locked-elsewhere-is-undone says 4 'the vhost has 0:0:0:0, 0:0:1:0' \
    pvscsictl detach demo 0:0:4:0
kill "$locker"
wait "$locker" 2>/dev/null

# A guest that stops answering while it is connected: pvscsi-run itself, held.
mkfifo "$BED_DIR/go"
pvscsi-run demo -- cat "$BED_DIR/go" &
guest=$!
check connects until_true 30 state_is 0:0:0:0 connected
kill -STOP "$guest"
check attach-unanswered \
    says 5 'the guest has not answered within 0.5 s; 0:0:2:0 was not attached' \
    pvscsictl attach --timeout 0.5 demo ram:1M,0:0:2:0
check detach-unanswered says 5 'it is still attached; --force' \
    pvscsictl detach --timeout 0.5 demo 0:0:1:0
check still-connected state_is 0:0:1:0 connected
check detach-by-force says 0 'detached' pvscsictl detach --force --timeout 0.5 demo 0:0:1:0
check forced-is-gone says 4 'the vhost has 0:0:0:0' pvscsictl detach demo 0:0:1:0
kill -CONT "$guest"
check attach-after-that says 0 'attached' pvscsictl attach demo ram:1M,0:0:1:0
check connected-after-that until_true 30 state_is 0:0:1:0 connected
# shellcheck source=tests/ctl/show.sh
. tests/ctl/show.sh
: >"$BED_DIR/go"
check guest-ends-well wait "$guest"

# shellcheck source=tests/ctl/daemon.sh
. tests/ctl/daemon.sh

check daemon-dies bed_daemon_kill
check no-daemon-to-ask says 7 'no daemon answers at' pvscsictl stats
check no-daemon says 7 'no answer from a backend daemon within 0.3 s' \
    pvscsictl attach --timeout 0.3 demo ram:1M,7:0:0:0
check no-daemon-nor-asked says 0 'attached' pvscsictl attach --no-wait demo ram:1M,7:0:0:1
printf 'name = "idle"\nvscsi = [ "ram:1M,0:0:0:0" ]\n' >"$BED_DIR/idle.cfg"
check no-daemon-create says 7 "'idle' created" pvscsictl create --timeout 0.3 "$BED_DIR/idle.cfg"
check not-taken-up state_is 7:0:0:0 initialising
check destroy says 0 "'demo' destroyed" pvscsictl destroy --timeout 0.3 demo
check destroy-twice says 4 "there is no domain 'demo'" pvscsictl destroy demo

trap - EXIT
check bed-ends-cleanly bed_stop
checks_end
