# limit: 300
# Two guests share an image, each with exclusive=no: both work on it at once, what one writes the
# other reads, who does not say so is kept out in whatever order, and when the daemon is killed under
# that load both go on and nothing that was acknowledged is lost.
disk disk.img 64M
host
guest alpha "file:$DISK,0:0:0:0,exclusive=no"
guest beta "file:$DISK,0:0:0:0,exclusive=no"
guest gamma "ram:1M,0:0:0:0"
for entry in "file:$DISK,0:0:0:1" "file:$DISK,0:0:0:1,ro" "iso:$DISK,0:0:0:1"; do
    refused "domain .* uses it as .*'exclusive=no' on both" bed_ctl attach gamma "$entry"
done
refused 'uses it as' bed_ctl check "file:$DISK,0:0:0:1"
says 'entry is right' bed_ctl check "file:$DISK,0:0:0:1,exclusive=no"

# Of the store another daemon's clients know nothing: the locks keep them out.
python3 - "$DISK" <<'LOCK' || fail "another program gets a lock on what is shared"
import fcntl, os, struct, sys
fd = os.open(sys.argv[1], os.O_RDWR)
try:
    fcntl.fcntl(fd, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))  # F_OFD_SETLK
except OSError:
    sys.exit(0)
sys.exit(1)
LOCK

noise data 1M
as alpha sg_dd if=data of="$(node 0)" bs=512
as beta sg_dd if="$(node 0)" of=back bs=512 count=2048
cmp data back || fail "beta does not read what alpha has written"

half() { # GUEST NUMBER SECONDS
    pvscsi-bench --rw randrw --bs 4k --iodepth 8 --verify --runtime "$3" --size 32M \
        --offset "$(($2 * 32))M" "$1" 0:0:0:0
}
both() { # SECONDS [COMMAND...]: with their load, which must end well
    local seconds=$1 alpha beta
    shift
    (half alpha 0 "$seconds" >alpha.out 2>&1) &
    alpha=$!
    (half beta 1 "$seconds" >beta.out 2>&1) &
    beta=$!
    "$@"
    wait "$alpha" || check_out alpha "$?"
    wait "$beta" || check_out beta "$?"
}
# What was in flight when a daemon died may be answered with an error that says so: a write to what
# others write to is repeated by the guest, which knows whether it may, or by nobody.
check_out() {
    echo "$1 ended with $2: $(cat "$1.out")"
    [ -e killed ] || fail "$1: it has errors"
    grep '^pvscsi-bench' "$1.out" | grep -qv 'the connection was lost with' && fail "$1: other errors"
    grep -q 'the connection was lost with' "$1.out" || fail "$1: no reason"
}
connected() { store_is "/local/domain/0/backend/vscsi/$1/0/state" 4; }
kill_it() {
    local round
    until_true 30 connected 1 || fail "alpha does not connect"
    until_true 30 connected 2 || fail "beta does not connect"
    sleep 1 # of load
    for round in 1 2 3; do
        touch killed
        bed_daemon_kill
        bed_daemon_start || fail "the daemon does not start again"
        until_true 30 taken_over "$((2 * round))" || fail "round $round: not taken over"
        sleep 0.5
    done
}
taken_over() { [ "$(grep -c 'taken over luns=1' "$BED_DIR/pvscsid.log")" -ge "$1" ]; }
both 3 true
both 8 kill_it
grep -q 'not_repeated=[1-9]' "$BED_DIR/pvscsid.log" || fail "writes were begun again"
says '[1-9][0-9]* blocks checked' cat alpha.out
says '[1-9][0-9]* blocks checked' cat beta.out

# The other order: who has it alone keeps out those who would share it.
bed_ctl destroy alpha
bed_ctl destroy beta
bed_ctl attach gamma "file:$DISK,0:0:0:1"
refused 'uses it as' bed_ctl attach gamma "file:$DISK,0:0:0:2,exclusive=no"
bed_ctl detach gamma 0:0:0:1
