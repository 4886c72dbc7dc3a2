# shellcheck shell=bash
# The side that acts through us, with the functions of native.sh: an initiator is a guest of the
# embedded host with a vport of its own, which the daemon makes, and a LUN 0:0:0:L for each LUN L of
# the target.

: "${target:?}" "${initiator:?}" # of npiv.sh
linger=3 # seconds that a port stays after its guest

through_up() {
    [ -z "${BED_DIR:-}" ] || return 0
    export BUILD=/pvscsi
    # shellcheck source=tests/support/bed.sh
    . /job/bed.sh
    daemon_settings >/tmp/pvscsid.toml
    must bed_start --log-level info --config /tmp/pvscsid.toml --record-dir /tmp/records
    at_end through_end
}
daemon_settings() {
    echo '[npiv]'
    echo "linger = $linger"
    echo 'wait = 90' # this machine is slow
}
through_end() { # STATUS
    local guest
    [ "$1" = 0 ] || {
        pvscsictl list
        pvscsictl vport list
        tail -n 40 "$BED_DIR"/*.log
    }
    for guest in /tmp/g[0-9]*.cfg; do
        guest=${guest##*/g}
        pvscsictl destroy "g${guest%.cfg}" >/dev/null 2>&1
    done
    # The fabric goes next, and nobody shall be logged in then.
    ports_gone() { [ -z "$(pvscsictl vport list --plain | awk -F'\t' '$9 == "yes"')" ]; }
    wait_until $((linger + 30)) ports_gone || echo "ports stay: $(pvscsictl vport list)"
    bed_stop
    rm -rf /tmp/g*.cfg /tmp/records
}

vdev() { echo "0:0:0:$1"; } # LUN
# LUN 5 is the one that initiators share, or all of them where a case has said sharing=all. NUMBER LUN
entry() {
    local shared=
    [ "$2" != 5 ] && [ -z "${sharing:-}" ] || shared=,exclusive=no
    echo "fc.$target:$2,$(vdev "$2"),vport=$(wwpn "$1"):$(wwnn "$1")@$initiator$shared"
}
guest_file() { # NUMBER LUN...: writes it
    local number=$1 lun entries=()
    shift
    for lun in "$@"; do entries+=("'$(entry "$number" "$lun")'"); done
    {
        echo "name = \"g$number\""
        echo 'type = "pv"'
        (IFS=,; echo "vscsi = [ ${entries[*]} ]")
    } >"/tmp/g$number.cfg"
}
initiator_begin() {
    through_up
    guest_file "$@"
    pvscsictl create --start-anyway "/tmp/g$1.cfg" >"/tmp/create.$1" 2>&1 &
    begun=$!
}
initiator_up() {
    through_up
    guest_file "$@"
    must pvscsictl create "/tmp/g$1.cfg"
    wait_until 60 sees_luns "$@" || fail "initiator $1 sees: $(pvscsictl list "g$1")"
}
initiator_down() {
    must pvscsictl destroy "g$1"
    wait_until $((linger + 30)) no_vport "$1" || fail "vport $1 stays"
}
no_vport() { ! vport "$1" >/dev/null; }
luns_of() { # NUMBER: those that are served, whether or not a program has the guest's end at the moment
    pvscsictl list "g$1" 2>/dev/null | awk '$4 == "connected" || $4 == "waiting" { sub(/.*:/, "", $3); print $3 }' | sort -n | tr '\n' ' '
}
# A unit that was lost is served again when the guest's end is there, as a guest's always is.
sees_luns() {
    local number=$1
    shift
    pvscsi-run "g$number" -- true >/dev/null 2>&1
    [ "$(luns_of "$number")" = "${*:+$* }" ]
}
# A guest never writes to a unit that it was not given: not when it is found out, and not by its next
# connection, for which the unit is opened anew.
another_unit() { # NUMBER LUN UNIT
    writes_nothing "$@"
    grep -q NO_CONNECT /tmp/write || fail "LUN $2 of initiator $1: $(cat /tmp/write)"
    wait_until 10 says_why "$1" 'another unit is at its address now' || fail "not told: $(pvscsictl list "g$1")"
    writes_nothing "$@"
    says_why "$1" 'another unit is there now' || fail "not told: $(pvscsictl list "g$1")"
    # The kernel goes on with the old one's name until it is told to look.
    echo 1 >"/sys/class/scsi_generic/$(basename "$(node "$1" "$2")")/device/rescan"
    writes_nothing "$@"
    says_why "$1" 'when the domain was given it' || fail "not told: $(pvscsictl list "g$1")"
    must pvscsictl accept "g$1" "$(vdev "$2")"
    wait_until 60 sees_luns "$1" 0 "$2" || fail "initiator $1 sees: $(pvscsictl list "g$1")"
    settled "$1" "$2"
    unit_is "$@"
}
writes_nothing() { # NUMBER LUN UNIT
    on "$1" "$2" sg_raw --send=512 --infile=/dev/zero NODE 2a 00 00 00 00 00 00 00 01 00 >/tmp/write 2>&1 &&
        fail "initiator $1 writes to the unit $3, which it was not given"
    return 0
}
says_why() { pvscsictl list "g$1" | grep -q "$2"; } # NUMBER TEXT
look_again() { # NUMBER LUN
    must pvscsictl attach "g$1" "$(entry "$1" "$2")"
}
on() {
    local number=$1 lun=$2 address
    shift 2
    address=$(vdev "$lun")
    set -- "${@//NODE//dev/pvscsi/$address}"
    pvscsi-run "g$number" -- "${@//FILE//dev/pvscsi/${address//:/\\:}}"
}
