# shellcheck shell=bash
# What the cases of every machine share: ending with a reason, waiting, simulated disks. Sourced
# inside the machine.
set -u

# Ends the case, also from a part of a pipeline or of $(), or from what runs in the background.
trap 'exit 1' USR1
fail() {
    echo "FAIL: $*" >&2
    [ "$BASH_SUBSHELL" = 0 ] || kill -s USR1 $$
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

# at_end FUNCTION: called with the case's status when it ends, however it does; the last first.
at_end() {
    at_end_functions=("$1" "${at_end_functions[@]}")
    trap at_end_run EXIT
}
at_end_functions=()
at_end_run() {
    local status=$? function
    for function in "${at_end_functions[@]}"; do "$function" $status; done
}

# scsi_debug OPTION=VALUE...: simulated disks; sets debug_nodes to their sg nodes, in order.
scsi_debug_knobs=/sys/bus/pseudo/drivers/scsi_debug
scsi_debug() {
    local expected _
    scsi_debug_unload
    modprobe scsi_debug delay=0 "$@" || fail "modprobe scsi_debug $*"
    expected=$(($(cat $scsi_debug_knobs/add_host) * $(cat $scsi_debug_knobs/num_tgts) * $(cat $scsi_debug_knobs/max_luns)))
    for _ in $(seq 300); do
        mapfile -t debug_nodes < <(scsi_debug_nodes)
        [ ${#debug_nodes[@]} -lt "$expected" ] || return 0
        pause
    done
    fail "scsi_debug made ${#debug_nodes[@]} of $expected nodes"
}
scsi_debug_nodes() {
    local dir
    for dir in /sys/class/scsi_generic/sg*; do
        [ -e "$dir/device/model" ] || continue
        grep -q '^scsi_debug' "$dir/device/model" || continue
        echo "/dev/${dir##*/}"
    done | sort -V
}
# Options of a loaded scsi_debug: knob opts 4; knob every_nth -1
# The delays can't be changed while it has commands (EBUSY).
knob() {
    local _
    for _ in $(seq 100); do
        { echo "$2" >"$scsi_debug_knobs/$1"; } 2>/dev/null && return 0
        pause
    done
    fail "scsi_debug: $1=$2"
}
scsi_debug_unload() {
    local _
    [ -d /sys/module/scsi_debug ] || return 0
    knob opts 0
    knob every_nth 0
    for _ in $(seq 300); do
        rmmod scsi_debug 2>/dev/null && return 0
        pause
    done
    fail "scsi_debug cannot be unloaded: $(cat /sys/module/scsi_debug/refcnt) users"
}

# Commands that the kernel has at the device of an sg node.
busy() { cat "/sys/class/scsi_generic/${1##*/}/device/device_busy"; }
busy_is() { [ "$(busy "$1")" = "$2" ]; }
is_busy() { [ "$(busy "$1")" -gt 0 ]; }

# A tenth of a second, without a process.
exec {pause_fd}<> <(:)
pause() { read -r -t 0.1 -u "$pause_fd" _ || true; }

# wait_until SECONDS COMMAND...: until it succeeds.
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        pause
    done
}
