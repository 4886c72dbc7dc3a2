# shellcheck shell=bash
# what: vports on a port without a fabric: names, order of the names, duplicates, what is refused, uevents
# shellcheck source=tests/npiv/guest/npiv.sh
. /job/npiv.sh
alone_up
host=$(fc_host $alone)
# A link without a fabric behind it; then no link at all.
wait_until 10 port_state_is $alone Offline || fail "the port is $(cat "$host/port_state")"
must ip link set sw-a down
wait_until 10 port_state_is $alone Linkdown || fail "the port is $(cat "$host/port_state")"
[ "$(cat "$host/npiv_vports_inuse")" = 0 ] || fail "vports in use: $(cat "$host/npiv_vports_inuse")"
make() { printf '%s' "$1" >"$host/vport_create"; }
delete() { printf '%s' "$1" >"$host/vport_delete"; }
refused() { # REASON COMMAND...
    local reason=$1
    shift
    "$@" 2>/tmp/refused && fail "not refused: $*"
    grep -q "$reason" /tmp/refused || fail "$*: $(cat /tmp/refused), not $reason"
}

udevadm monitor --kernel --subsystem-match=fc_vports --subsystem-match=fc_host --subsystem-match=scsi_host >/tmp/events 2>/dev/null &
monitor=$!
wait_until 10 grep -q KERNEL /tmp/events || fail "no monitor"

# The port's name comes first.
must make 21000000000000ab:20000000000000cd
folder=$(echo /sys/class/fc_vports/vport-"${host##*/host}":0-*)
[ "$(cat "$folder/port_name") $(cat "$folder/node_name")" = '0x21000000000000ab 0x20000000000000cd' ] ||
    fail "names: $(cat "$folder/port_name") $(cat "$folder/node_name")"
[ "$(cat "$folder/vport_state")" = Linkdown ] || fail "the vport is $(cat "$folder/vport_state")"
[ "$(cat "$folder/vport_type") $(cat "$folder/roles")" = 'NPIV VPORT FCP Initiator' ] ||
    fail "it is $(cat "$folder/vport_type"), $(cat "$folder/roles")"
own=$(fc_host 21000000000000ab) || fail "the vport has no host"
[ ! -e "$own/vport_create" ] || fail "the vport's host takes vports itself"
[ "$(cat "$own/port_state") $(cat "$own/port_id")" = 'Linkdown 0xffffffff' ] ||
    fail "its host is $(cat "$own/port_state") at $(cat "$own/port_id")"
[ "$(cat "$host/npiv_vports_inuse")" = 1 ] || fail "vports in use: $(cat "$host/npiv_vports_inuse")"

refused 'Invalid argument' make 21000000000000ab:20000000000000cd
refused 'Invalid argument' make 21000000000000ab:20000000000000ce # the node's name makes no difference
refused 'Invalid argument' make $alone:20000000000000cd
for text in 21000000000000ac 21000000000000ac:20000000000000cd0 0x21000000000000ac:0x20000000000000cd \
    21:00:00:00:00:00:00:ac:20:00:00:00:00:00:00:cd 21000000000000ag:20000000000000cd \
    21000000000000ac,20000000000000cd "21000000000000ac:20000000000000cd 1"; do
    refused 'Invalid argument' make "$text"
done
refused 'No such device' delete 21000000000000ac:20000000000000cd
refused 'No such device' delete 20000000000000cd:21000000000000ab
[ "$(cat "$host/npiv_vports_inuse")" = 1 ] || fail "vports in use: $(cat "$host/npiv_vports_inuse")"

# A newline and capitals are taken. Numbers are never used again.
must make $'21000000000000AC:20000000000000CD\n'
second=$(vports_of "$host" | grep -v "${folder##*/}")
[ "$(cat "/sys/class/fc_vports/$second/port_name")" = 0x21000000000000ac ] || fail "the second is $second"
must delete 21000000000000ac:20000000000000cd
must make 21000000000000ac:20000000000000cd
third=$(vports_of "$host" | grep -v "${folder##*/}")
[ "${third##*-}" -gt "${second##*-}" ] || fail "$third after $second"
echo "xen:host:guest:0" >"/sys/class/fc_vports/$third/symbolic_name"
[ "$(cat "/sys/class/fc_vports/$third/symbolic_name")" = xen:host:guest:0 ] || fail "the symbolic name: $(cat "/sys/class/fc_vports/$third/symbolic_name")"

must delete 21000000000000ac:20000000000000cd
must delete 21000000000000ab:20000000000000cd
[ "$(cat "$host/npiv_vports_inuse")" = 0 ] || fail "vports in use: $(cat "$host/npiv_vports_inuse")"
fc_host 21000000000000ab && fail "the deleted vport's host is there"
# Those that were refused for their names were there for a moment, too.
all_told() { [ "$(grep -c "remove.*vport.*(fc_vports)" /tmp/events)" = 6 ]; }
wait_until 10 all_told || { cat /tmp/events; fail "uevents"; }
kill $monitor
for what in "add.*${folder##*/} (fc_vports)" "remove.*${folder##*/} (fc_vports)" "add.*${own##*/} (fc_host)" \
    "remove.*${own##*/} (fc_host)" "add.*${own##*/} (scsi_host)" "remove.*${own##*/} (scsi_host)"; do
    grep -q "$what" /tmp/events || { cat /tmp/events; fail "no uevent $what"; }
done
alone_down
