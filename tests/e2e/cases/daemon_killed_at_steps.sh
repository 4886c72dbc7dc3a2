# limit: 240
# The daemon killed before one of the calls by which it works in the store or on files, while a verb of
# pvscsictl waits for it, and started again: then there is what was, or what was asked for, in the domain
# and in what is kept of it, and a verb that says so was right. KILLS: at how many calls of each verb, 6 else.
command -v strace >/dev/null || skip "no strace"
calls=sendmsg,sendto,write,writev,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,fsync,ftruncate
kills=${KILLS:-6}
mkdir xen bed
BED_DIR=$E2E_DIR/bed
printf '[domains]\nfiles = [ "%s/xen/*.cfg" ]\n' "$E2E_DIR" >bed/pvscsid.toml
# Not ram:, whose contents end with the daemon.
disk third.img 4M
entry=file:$DISK,0:0:5:0
disk second.img 4M
second=$DISK
disk disk.img 4M
config demo "file:$DISK,0:0:0:0" "file:$second,1:0:0:0"
mv demo.cfg xen/
host

traced_by() { awk '/^TracerPid:/ { print $2 }' "/proc/$BED_DAEMON/status"; }
is_traced() { [ "$(traced_by)" != 0 ]; }
trace() { # strace's options
    strace -f -qq -p "$BED_DAEMON" -e "trace=$calls" "$@" &
    TRACER=$!
    until_true 10 is_traced || fail "strace does not come to the daemon"
}
untrace() {
    kill -INT "$TRACER" 2>/dev/null || true
    wait "$TRACER" 2>/dev/null || true
}
is_dead() { [[ ! -e /proc/$1 || $(awk '/^State:/ { print $2 }' "/proc/$1/status") = Z ]]; }

# steps_of ARGUMENT...: sets steps to those of the daemon's calls at which it is to be killed; the verb
# does its work.
steps_of() {
    local count
    trace -o calls
    bed_ctl "$@" >said 2>&1 || fail "pvscsictl $*: $(cat said)"
    sleep 0.3
    untrace
    count=$(grep -c '(' calls)
    [ "$count" -ge 2 ] || fail "only $count calls: $(cat calls)"
    mapfile -t steps < <(for ((i = 0; i < kills && i < count; i++)); do
        echo $((1 + (count > kills ? i * (count - 1) / (kills - 1) : i)))
    done)
    echo "$*: $count calls of the daemon, killed at ${steps[*]}"
}
# killed_at STEP ARGUMENT...: the verb's status is in STATUS. The daemon may come to the verb's end.
killed_at() {
    local step=$1 verb
    shift
    trace -o /dev/null -e "inject=$calls:signal=KILL:when=$step"
    bed_ctl "$@" --timeout 20 >said 2>&1 &
    verb=$!
    until is_dead "$BED_DAEMON" || is_dead "$verb"; do sleep 0.02; done
    if is_dead "$verb"; then sleep 0.1; fi
    untrace
    if is_dead "$BED_DAEMON"; then
        wait "$BED_DAEMON" 2>/dev/null || true
        killed=$((killed + 1))
        bed_daemon_start || fail "step $step of $*: the daemon does not start again"
    fi
    STATUS=0
    wait "$verb" || STATUS=$?
}
killed=0
luns() { rows demo state | sort | xargs; }
kept() { grep -v "^#" bed/domains.d/demo.changes 2>/dev/null | xargs; }
now_and_later() { echo "$(luns); $(kept)"; }
is() { [ "$(now_and_later)" = "$1" ]; }
# ends_as STEP VERB BEFORE AFTER: what STATUS says
ends_as() {
    local wanted=$4
    [ "$STATUS" = 0 ] || wanted=$3
    until_true 10 is "$wanted" ||
        fail "$2 with the daemon killed at step $1 ends with $STATUS ($(cat said)): $(now_and_later)"
}

bed_ctl create xen/demo.cfg >/dev/null
mkfifo ready go
background pvscsi-run demo --patience 30 -- bash -c 'echo >ready; read -r _ <go'
read -r _ <ready
without='0:0:0:0 connected 1:0:0:0 connected; '
with="0:0:0:0 connected 0:0:5:0 connected 1:0:0:0 connected; + $entry"
until_true 10 is "$without" || fail "at first it has $(now_and_later)"
steps_of attach --persist demo "$entry"
attach_steps=("${steps[@]}")
steps_of detach --persist demo 0:0:5:0
for i in "${!attach_steps[@]}"; do
    is "$with" || { killed_at "${attach_steps[i]}" attach --persist demo "$entry"; ends_as "${attach_steps[i]}" attach "$without" "$with"; }
    is "$with" || bed_ctl attach --persist demo "$entry" >/dev/null
    step=${steps[i]:-${steps[-1]}}
    killed_at "$step" detach --persist demo 0:0:5:0
    ends_as "$step" detach "$with" "$without"
done
echo >go
wait "$PID" || fail "the guest's command failed"

# create: all of its LUNs, or no domain. A domain that is made by others gets all of them in the end.
gone() { bed_ctl destroy demo >said 2>&1 || grep -q 'no domain' said || fail "destroy: $(cat said)"; }
gone
all='0:0:0:0 waiting 1:0:0:0 waiting; '
steps_of create xen/demo.cfg
for step in "${steps[@]}"; do
    gone
    killed_at "$step" create xen/demo.cfg
    ends_as "$step" create '; ' "$all"
done
config bare
sed -i 's/name = .*/name = "demo"/' bare.cfg
gone
steps_of create bare.cfg
for step in "${steps[@]}"; do
    gone
    killed_at "$step" create bare.cfg
    until_true 10 is "$all" || fail "given with the daemon killed at step $step: $(now_and_later)"
done
gone
[ "$killed" -ge $((2 * kills)) ] || fail "the daemon was killed only $killed times"
