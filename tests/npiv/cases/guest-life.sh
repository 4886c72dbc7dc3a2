# shellcheck shell=bash
# what: names of the pool, and their port over the guest's reboot, the daemon's death and a hand's, until nobody wants it
# seconds: 500
# shellcheck source=tests/npiv/guest/npiv.sh
. /job/npiv.sh
# shellcheck source=tests/npiv/guest/through.sh
. /job/through.sh
# shellcheck source=tests/npiv/guest/io.sh
. /job/io.sh
linger=20
daemon_settings() {
    echo '[npiv]'
    echo 'pool = "2fff00163e12"'
    echo "linger = $linger"
    echo 'wait = 90'
}
entry() { echo "fc.$target:$2,$(vdev "$2"),vport=auto@$initiator"; }
wwpn() { echo "$port"; }
given() { pvscsictl vport pool --json | tr -d '\n' | sed -n "s/.*\"$1\": \"\([^\"]*\)\".*/\1/p"; }
shown() { pvscsictl vport show "$port" --json | tr -d '\n' | sed -n "s/.*\"$1\": \"\([^\"]*\)\".*/\1/p"; }
fabric_up
through_up

# The guest's first start gives it the names that the fabric and the target are then set up for.
initiator_begin 1 0
sed -i '1i uuid = "11111111-1111-1111-1111-111111111111"' /tmp/g1.cfg
names_given() { [ -n "$(given port)" ]; }
wait_until 60 names_given || fail "no names: $(cat /tmp/create.1)"
port=$(given port)
[ "$(given domain)" = g1 ] || fail "the names are of '$(given domain)'"
vport_becomes 1 Active
must pvscsictl destroy g1
wait "$begun"
cat /tmp/create.1
wait_until $((linger + 30)) no_vport 1 || fail "the port stays when nobody has it"

mask_add 1 0 3
must pvscsictl create /tmp/g1.cfg
pvscsictl vport list
pvscsictl list
[ "$(given port)" = "$port" ] || fail "the guest has other names now"
unit_is 1 0 3
[ "$(shown state)" = Active ] || fail "$(pvscsictl vport show "$port")"
fabric_port "$port" | grep -q "pvscsi:.*:g1:0" || fail "symbolic name: $(fabric_port "$port")"

# A reboot is no business of the fabric's.
id=$(fc_id "$port") host=$(shown host)
must pvscsictl destroy g1
must pvscsictl create /tmp/g1.cfg
[ "$(fc_id "$port") $(shown host)" = "$id $host" ] || fail "another login: $(fc_id "$port") $(shown host), not $id $host"

# Nor is the daemon's death.
load_begin 1 0
bed_daemon_kill
must bed_daemon_start --log-level info --config /tmp/pvscsid.toml --record-dir /tmp/records
load_goes_on 1 0
load_end 1 0 || fail "I/O over the daemon's death: $(cat /tmp/fio.1.0)"
[ "$(fc_id "$port") $(shown host)" = "$id $host" ] || fail "another login: $(fc_id "$port") $(shown host), not $id $host"

# Somebody deletes the port while it has I/O: what is out is told to have failed; the port and the
# unit come back.
logins() { grep -c "$port is " /tmp/fabric.log; }
before=$(logins)
load_begin 1 0
in_a_pass() { # not between two of them: looked for without a pause
    local commands end=$((SECONDS + 60)) file
    file=/sys/class/scsi_generic/$(basename "$(node 1 0)")/device/device_busy
    while [ $SECONDS -lt $end ]; do
        read -r commands <"$file"
        [ "$commands" = 0 ] || return 0
    done
    return 1
}
folder=$(vport 1)
in_a_pass || fail "no command is seen at the unit"
echo 1 >"$folder/vport_delete"
# For a guest that is there: a kernel's end stays, and the load's goes with its failed pass.
again() {
    pvscsi-run g1 -- true >/dev/null 2>&1
    [ "$(logins)" -gt "$before" ] && vport_is 1 Active
}
wait_until 60 again || fail "the port is not made anew: $(pvscsictl vport list)"
load_end 1 0
[ -e /tmp/load.1.0.failed ] || [ -e /tmp/load.1.0.disrupted ] || fail "no command has failed"
wait_until 60 sees_luns 1 0 || fail "the unit does not come back: $(pvscsictl list g1)"
settled 1 0
io 1 0

# What a dead daemon leaves of a guest that has gone meanwhile, the next one deletes; nobody else's.
mask_add_other() { echo "$(printf '2100%012x' 9):$(wwnn 9)" >"$(fc_host $initiator)/vport_create"; }
must mask_add_other
bed_daemon_kill
must pvscsictl destroy g1
vport 1 >/dev/null || fail "the port has gone without a daemon"
must bed_daemon_start --log-level info --config /tmp/pvscsid.toml --record-dir /tmp/records
wait_until $((linger + 30)) no_vport 1 || fail "the port stays: $(pvscsictl vport list)"
pvscsictl vport list --plain | grep -q 'no	no' || fail "the port of somebody else is not listed: $(pvscsictl vport list)"
[ "$(vports)" = 1 ] || fail "$(vports) ports are there, and not the one of somebody else"
[ "$(given port)" = "$port" ] || fail "the names are lost"
