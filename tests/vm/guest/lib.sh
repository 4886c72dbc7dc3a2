# shellcheck shell=bash
# What the cases share: simulated disks, failing with a reason. Sourced inside the machine.
set -u

fail() {
    echo "FAIL: $*" >&2
    exit 1
}
skip() {
    echo "$*"
    exit 77
}
# A command that must succeed; says which one did not.
must() {
    "$@" || fail "status $? of: $*"
}

# scsi_debug OPTION=VALUE...: simulated disks; sets debug_nodes to their sg nodes, in order.
scsi_debug_knobs=/sys/bus/pseudo/drivers/scsi_debug
scsi_debug() {
    local i expected host
    scsi_debug_unload
    modprobe scsi_debug delay=0 "$@" || fail "modprobe scsi_debug $*"
    expected=$(($(cat $scsi_debug_knobs/num_tgts) * $(cat $scsi_debug_knobs/max_luns)))
    for i in $(seq 300); do
        mapfile -t debug_nodes < <(scsi_debug_nodes)
        [ ${#debug_nodes[@]} -lt "$expected" ] || return 0
        sleep 0.1
    done
    fail "scsi_debug made ${#debug_nodes[@]} of $expected nodes"
}
scsi_debug_nodes() {
    local dir
    for dir in /sys/class/scsi_generic/sg*; do
        [ -e "$dir/device/vendor" ] || continue
        grep -q '^Linux' "$dir/device/vendor" && grep -q '^scsi_debug' "$dir/device/model" || continue
        echo "/dev/${dir##*/}"
    done | sort -V
}
# Options of a loaded scsi_debug: knob opts 4; knob every_nth -1
knob() {
    echo "$2" >"$scsi_debug_knobs/$1" || fail "scsi_debug: $1=$2"
}
scsi_debug_unload() {
    local i
    [ -d /sys/module/scsi_debug ] || return 0
    knob opts 0
    knob every_nth 0
    for i in $(seq 300); do
        rmmod scsi_debug 2>/dev/null && return 0
        sleep 0.1
    done
    fail "scsi_debug cannot be unloaded: $(cat /sys/module/scsi_debug/refcnt) users"
}
