# pvscsictl attach is killed before the daemon has looked: what that then can't open is not left in the
# list, what it can is there; one that is still at work is left alone.
export PVSCSI_SCHEMAS=$E2E_PROJECT/xenstore-schemas
mkdir ok bed
disk ok/a.img 1M
disk b.img 1M
bad=$DISK
BED_DIR=$E2E_DIR/bed
# The daemon refuses what pvscsictl finds right.
printf '[allow]\nfolders = [ "%s/ok" ]\n' "$E2E_DIR" >bed/pvscsid.toml
host
rm bed/pvscsid.toml
guest demo "file:$E2E_DIR/ok/a.img,0:0:0:0"
luns() { rows demo state | sort | xargs; }
has() { [ "$(luns)" = "$1" ]; }
mark() { xenstore-read "/local/domain/0/backend/vscsi/$(number_of demo)/$1/attaching" 2>/dev/null; }
marked() { [ -n "$(mark "$1")" ]; }
stopped_at() { # VHOST ENTRY...: pvscsictl, in ctl, waits for the daemon, which is stopped
    kill -STOP "$BED_DAEMON"
    background pvscsictl attach demo "${@:2}"
    ctl=$PID
    until_true 10 marked "$1" || fail "nothing is attached: $(bed_ctl list demo)"
}
killed() {
    kill -KILL -- "-$ctl"
    wait "$ctl" || true
    kill -CONT "$BED_DAEMON"
}
for state in waiting connected; do
    stopped_at 0 "file:$bad,0:0:1:0" ram:1M,0:0:2:0
    killed
    until_true 10 has "0:0:0:0 $state 0:0:2:0 $state" || fail "$state: $(bed_ctl list demo)"
    marked 0 && fail "$state: the mark is left: $(mark 0)"
    bed_ctl check --store demo
    bed_ctl detach demo 0:0:2:0

    # A vhost of its own goes with it.
    stopped_at 1 "file:$bad,1:0:0:0"
    killed
    until_true 10 has "0:0:0:0 $state" || fail "$state, its own vhost: $(bed_ctl list demo)"
    [ "$(xenstore-list "/local/domain/0/backend/vscsi/$(number_of demo)")" = 0 ] || fail "the vhost is left"

    # Who was not killed sees to it himself, and a LUN of a file is no business of anybody's.
    stopped_at 0 "file:$bad,0:0:1:0"
    [ "$(luns)" = "0:0:0:0 $state 0:0:1:0 initialising" ] || fail "$state, at work: $(luns)"
    kill -CONT "$BED_DAEMON"
    wait "$ctl" && fail "attached what can't be opened"
    has "0:0:0:0 $state" || fail "$state, refused: $(bed_ctl list demo)"
    marked 0 && fail "$state: the mark is left: $(mark 0)"
    [ $state = connected ] || {
        mkfifo ready go
        background pvscsi-run demo -- bash -c 'echo >ready; read -r _ <go'
        run=$PID
        read -r _ <ready
    }
done
guest --start-anyway other "file:$bad,0:0:0:0"
until_true 10 store_is "/local/domain/0/backend/vscsi/$(number_of other)/0/vscsi-devs/dev-0/state" 6
[ "$(rows other state)" = '0:0:0:0 failed' ] || fail "a LUN of the file has gone: $(bed_ctl list other)"
echo >go
wait "$run" || fail "the guest's program failed"
