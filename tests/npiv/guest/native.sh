# shellcheck shell=bash
# The side that acts natively: an initiator is a vport, its LUNs are the kernel's sg nodes. What a
# case does as an initiator it does by these functions alone, so that another side may be a guest.
#
#   initiator_up NUMBER LUN...       it logs in and sees exactly these LUNs
#   initiator_begin NUMBER LUN...    it begins to; the case sees what becomes of it
#   initiator_down NUMBER
#   sees_luns NUMBER LUN...          it does; for wait_until
#   another_unit NUMBER LUN UNIT     LUN has become another unit: what then
#   look_again NUMBER LUN            it asks for a LUN that is new
#   on NUMBER LUN COMMAND...         NODE is the LUN's node, FILE the same for fio
#   unit NUMBER LUN                  the unit that it is, by its serial number

initiator_up() {
    must vport_create "$1"
    vport_becomes "$1" Active
    wait_until 60 sees_luns "$@" || fail "initiator $1 sees: $(lun_nodes "$1")"
}
initiator_begin() { must vport_create "$1"; }
# The kernel does not notice.
another_unit() { # NUMBER LUN UNIT
    settled "$1" "$2"
    unit_is "$@"
}
initiator_down() { must vport_delete "$1"; }
sees_luns() {
    local number=$1
    shift
    [ "$(lun_nodes "$number" | cut -d' ' -f1 | tr '\n' ' ')" = "${*:+$* }" ]
}
look_again() { echo '- - -' >"/sys/class/scsi_host/$(vport_host "$1")/scan"; }
on() {
    local path
    path=$(node "$1" "$2")
    shift 2
    [ -n "$path" ] || return 1
    set -- "${@//NODE/$path}"
    "${@//FILE/$path}"
}
