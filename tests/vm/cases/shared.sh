# shellcheck shell=bash
# Two guests share a SCSI device with exclusive=no, by one path or by two; a third without the option
# is refused. The daemon is killed with commands of both at it: both go on, and the device is not
# reset for what the living have there.
# seconds: 400
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
# Two adapters, one unit: its name does not depend on the adapter.
scsi_debug dev_size_mb=16 add_host=2 vpd_use_hostno=0
node=${debug_nodes[0]} other=${debug_nodes[1]}
unit_of() { cat "/sys/class/scsi_generic/${1##*/}/device/wwid"; }
[ "$(unit_of "$node")" = "$(unit_of "$other")" ] || fail "two units: $(unit_of "$node"), $(unit_of "$other")"

guest_up "$node,exclusive=no"
more_guest() { # NAME ENTRY
    printf 'name = "%s"\ntype = "pv"\nvscsi = [ "%s" ]\n' "$1" "$2" >"/tmp/$1.cfg"
    pvscsictl create "/tmp/$1.cfg"
}
as_h() { pvscsi-run h -- "$@"; }
for entry in "$node,0:0:0:0" "$other,0:0:0:0" "$other,0:0:0:0,ro"; do
    more_guest x "$entry" >/tmp/refused 2>&1 && fail "$entry was given to a second guest"
    cat /tmp/refused
    grep -q "uses it as.*'exclusive=no' on both" /tmp/refused || fail "the reason is not said"
done
must more_guest h "$node,0:0:0:0,exclusive=no"

dd if=/dev/urandom of=/tmp/data bs=1M count=4 status=none
must as_guest sg_dd if=/tmp/data of="$(disk 0)" bs=512 bpt=128
must as_h sg_dd if="$(disk 0)" of=/tmp/back bs=512 bpt=128 count=8192
must cmp /tmp/data /tmp/back

# The other path is locked along with the first: the daemon refuses it, whatever the store says.
# (By a guest that nobody has asked about: its nodes are written by hand.)
must more_guest y "ram:1M,0:0:0:0"
mkfifo /tmp/stay
pvscsi-run y -- bash -c 'echo here >/tmp/up; read -r _ </tmp/stay' &
y=$!
wait_until 30 test -s /tmp/up || fail "the guest y did not come up"
y_id=$(pvscsictl list --plain y | cut -f2)
b=/local/domain/0/backend/vscsi/$y_id/0
xenstore-write "$b/vscsi-devs/dev-1/p-dev" "$other" "$b/vscsi-devs/dev-1/v-dev" 0:0:0:1 \
    "$b/vscsi-devs/dev-1/state" 1 "$b/state" 7
refused() { xenstore-read "$b/vscsi-devs/dev-1/error" 2>/dev/null | grep -q 'already in use'; }
wait_until 20 refused || fail "the other path was opened: $(xenstore-ls "$b")"
echo >/tmp/stay
wait $y
must pvscsictl destroy y

for round in 1 2 3; do
    knob ndelay 200000000 # 0.2 s a command
    as_guest sg_dd if="$(disk 0)" of=/dev/null bs=512 bpt=16 count=2048 >/tmp/g.out 2>&1 &
    g=$!
    as_h sg_dd if="$(disk 0)" of=/dev/null bs=512 bpt=16 count=2048 >/tmp/h.out 2>&1 &
    h=$!
    wait_until 20 is_busy "$node" || fail "no command got to the device"
    bed_daemon_kill
    must bed_daemon_start --log-level info
    # Reads are begun again: neither guest has noticed anything.
    wait $g || fail "round $round: the first guest: $(cat /tmp/g.out)"
    wait $h || fail "round $round: the second guest: $(cat /tmp/h.out)"
    knob ndelay 0
done
grep -q 'commands do not end' "$BED_DIR/pvscsid.log" && fail "the device was reset"
must as_h sg_dd if=/tmp/data of="$(disk 0)" bs=512 bpt=128 seek=8192
must cmp /tmp/data <(sg_dd if="$node" bs=512 bpt=128 skip=8192 count=8192 2>/dev/null)

# Commands that do not end by themselves: one reset for both, and both go on.
knob ndelay 0
knob every_nth -1
knob opts 4 # timeouts: nothing is answered
as_guest sg_dd if="$(disk 0)" of=/dev/null bs=512 bpt=16 count=64 >/dev/null 2>&1 &
g=$!
as_h sg_dd if="$(disk 0)" of=/dev/null bs=512 bpt=16 count=64 >/dev/null 2>&1 &
h=$!
wait_until 20 is_busy "$node" || fail "no command got to the device"
bed_daemon_kill
knob every_nth 0
knob opts 0
must bed_daemon_start --log-level info
wait $g
wait $h # they may end well or with an error, but they end
[ "$(grep -c 'commands do not end' "$BED_DIR/pvscsid.log")" = 1 ] ||
    fail "resets: $(grep 'commands do not end' "$BED_DIR/pvscsid.log")"
must as_guest sg_dd if="$(disk 0)" of=/dev/null bs=512 bpt=128 count=1024
must as_h sg_dd if="$(disk 0)" of=/dev/null bs=512 bpt=128 count=1024
must pvscsictl destroy h
guest_down
# The dead daemon's, which this simulated disk lost for good: the kernel has them until their time is over.
wait_until 120 busy_is "$node" 0 || fail "$(busy "$node") commands are still there"
scsi_debug_unload
