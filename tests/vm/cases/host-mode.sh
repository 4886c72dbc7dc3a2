# shellcheck shell=bash
# A guest with a whole host adapter: all of its units at equal addresses, those that come later, not
# those that go, nor those that this host uses.
# seconds: 300
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
scsi_debug dev_size_mb=8 max_luns=2 num_tgts=2
address_of() { basename "$(readlink -f "/sys/class/scsi_generic/${1##*/}/device")"; }
first=$(address_of "${debug_nodes[0]}")
there=${first%%:*} host=7 # the adapter here, and the vhost that the guest has it by
used=${debug_nodes[3]}
block=/dev/$(ls "/sys/class/scsi_generic/${used##*/}/device/block")
must mkswap "$block" >/dev/null
must swapon "$block"
give_back() { swapoff "$block" 2>/dev/null; }
at_end give_back
guest_up ram:1M

checked=$(pvscsictl check "$first,host" 2>&1) || fail "the check: $checked"
grep -q "$(address_of "$used").*the guest is not given it: this host uses it: swap" <<<"$checked" ||
    { echo "$checked"; fail "what is left out is not said"; }
pvscsictl attach g "$first,$host:0:0:0,feature-host" 2>/tmp/said || { cat /tmp/said; fail "the adapter was not attached"; }
grep -q 'this host uses it: swap' /tmp/said || { cat /tmp/said; fail "attach does not say what is left out"; }
pvscsictl list g
row() { pvscsictl list g | awk -v vdev="$1" '$3 == vdev { print $4 }'; }
is() { [ "$(row "$1")" = "$2" ]; }
for unit in 0:0:0 0:0:1 0:1:0; do
    is "$host:$unit" waiting || fail "$host:$unit is \"$(row "$host:$unit")\""
done
is "$host:0:1:1" failed || fail "the disk that is swap is \"$(row "$host:0:1:1")\""
refused=$(pvscsictl detach g "$host:0:0:0" 2>&1) && fail "one unit was detached"
grep -q "detach $host:host instead" <<<"$refused" || fail "the refusal: $refused"

# A guest that stays connected.
cat >/tmp/session.sh <<'EOS'
: >/tmp/there
while [ ! -e /tmp/go ]; do sleep 0.2; done
EOS
as_guest bash /tmp/session.sh &
session=$!
wait_until 20 test -e /tmp/there || fail "the guest did not start"
wait_until 20 is "$host:0:0:0" connected || fail "not connected: $(row "$host:0:0:0")"

echo 1 >"/sys/class/scsi_device/$there:0:1:0/device/delete"
gone() { [ -z "$(row "$host:0:1:0")" ]; }
wait_until 30 gone || { pvscsictl list g; fail "the unit that has gone is still there"; }
echo "0 1 0" >"/sys/class/scsi_host/host$there/scan"
wait_until 30 is "$host:0:1:0" connected || { pvscsictl list g; fail "the unit that came is not there"; }

# A restart of the daemon changes nothing, and what came meanwhile is there.
echo 1 >"/sys/class/scsi_device/$there:0:1:0/device/delete"
bed_daemon_kill
must bed_daemon_start --log-level info
wait_until 30 gone || { pvscsictl list g; fail "what went while no daemon was there is there"; }
wait_until 20 is "$host:0:0:0" connected || fail "the others are not served"
: >/tmp/go
must wait $session

must pvscsictl detach g "$host:host"
pvscsictl list g | awk -v host="$host:" 'index($3, host) == 1 { bad = 1 } END { exit bad }' ||
    { pvscsictl list g; fail "units of the adapter are left"; }
must pvscsictl destroy g

# By the guest's file, and by the adapter's own number.
printf 'name = "g"\ntype = "pv"\nvscsi = [ "%s,host" ]\n' "$first" >/tmp/g.cfg
must pvscsictl create /tmp/g.cfg
host=$there
is "$host:0:0:1" waiting || { pvscsictl list g; fail "the second guest has not all units"; }
as_guest sg_inq "/dev/pvscsi/$host:0:0:1" | grep -q scsi_debug || fail "the unit does not answer"
give_back
guest_down
scsi_debug_unload
