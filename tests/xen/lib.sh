# shellcheck shell=bash
# The words of the cases, for dom0: the daemon, guests and what runs in them, LUNs. Sourced by
# every case. A function fails the case with a reason, unless it says that it returns a status.
# shellcheck source=tests/support/case.sh
. /job/case.sh
export BUILD=/pvscsi
# shellcheck source=tests/support/bed.sh
. /job/bed.sh
BED_DIR=/tmp/bed BED_READY_SECONDS=$((30 * BED_FACTOR)) BED_STOP_SECONDS=$((30 * BED_FACTOR))
# shellcheck source=tests/xen/lib-leftovers.sh
. /job/lib-leftovers.sh
mkdir -p "$BED_DIR" /var/tmp/case
scratch=/var/tmp/case # on dom0's disk, not in memory
at_end case_logs

case_logs() { # STATUS; on failure: the daemon's log, what the guests' kernels say and what the store has
    local status=$1 name
    [ $status != 0 ] && [ $status != 77 ] || return 0
    [ ! -e "$BED_DIR/pvscsid.log" ] || {
        echo "--- the daemon's log:"
        tail -n 40 "$BED_DIR/pvscsid.log"
    }
    guest_seconds=$((10 * BED_FACTOR))
    for name in "${!guest_number[@]}"; do
        echo "--- guest $name:"
        timeout 20 xenstore-ls -f "/local/domain/${guest_number[$name]}/device/vscsi"
        guest_run "$name" 'ls /sys/class/scsi_device; echo w >/proc/sysrq-trigger; dmesg | tail -n 40'
    done
}

# ---- the daemon

daemon_start() { # [pvscsid options]
    bed_launch "$BED_DIR/pvscsid.log" pvscsid "$@" || fail "the daemon did not start"
    BED_DAEMON=$BED_PID
}
daemon_stop() { bed_daemon_stop || fail "the daemon did not end well"; }
daemon_kill() { bed_daemon_kill; }
daemon_said() { grep -q -- "$1" "$BED_DIR/pvscsid.log"; } # returns a status
daemon_took_over() { [ "$(grep -c 'taken over luns' "$BED_DIR/pvscsid.log")" -ge "$1" ]; } # HOW OFTEN
expect_daemon_alive() { kill -0 "$BED_DAEMON" 2>/dev/null || fail "the daemon is dead"; }

# ---- guests

# guest_config NAME [ENTRY...]: an xl file with these vscsi entries; says where. Set before:
# guest_memory (MB), guest_cpus, guest_extra (kernel arguments; with pvscsi.library it has our programs),
# guest_lines (more lines of the file).
guest_memory=320 guest_cpus=1 guest_extra='' guest_lines=''
guest_config() {
    local name=$1 file=/tmp/$1.cfg ramdisk=initramfs
    shift
    [[ $guest_extra != *pvscsi.library* ]] || ramdisk=initramfs-library
    {
        echo "name = \"$name\""
        echo 'type = "pv"'
        echo 'kernel = "/run/guest/vmlinux"'
        echo "ramdisk = \"/run/guest/$ramdisk\""
        echo "extra = \"console=hvc0 quiet loglevel=1 panic=1 mitigations=off $guest_extra\""
        echo "memory = $guest_memory"
        echo "vcpus = $guest_cpus"
        echo 'on_crash = "destroy"'
        [ $# = 0 ] || (IFS=,; quoted=("${@/#/\"}"); quoted=("${quoted[@]/%/\"}"); echo "vscsi = [ ${quoted[*]} ]")
        echo "$guest_lines"
    } >"$file"
    echo "$file"
}
guest_log() { echo "/var/log/xen/console/guest-$1.log"; }
# Its number and its console, asked for once a boot: processes are dear on an emulated machine.
declare -A guest_number guest_terminal
guest_note() { # NAME
    guest_number[$1]=$(xl domid "$1")
    guest_terminal[$1]=$(xenstore-read "/local/domain/${guest_number[$1]}/console/tty")
}
guest_id() { echo "${guest_number[$1]}"; }
guest_exists() { xl domid "$1" >/dev/null 2>&1; } # returns a status

# guest_start NAME [ENTRY...]: by `pvscsictl create`; returns when the guest takes commands.
guest_start() {
    must pvscsictl create --timeout $((30 * BED_FACTOR)) "$(guest_config "$@")"
    guest_wait_ready "$1" 1
}
# guest_start_bare NAME [xl options]: by `xl create`, without vscsi devices.
guest_start_bare() {
    local name=$1
    shift
    must xl create "$@" "$(guest_config "$name")"
    [ "${1:-}" = -p ] || guest_wait_ready "$name" 1
}
has_booted() { # NAME TIMES
    local line count=0
    while read -r line; do
        [[ $line != 'guest|ready'* ]] || count=$((count + 1))
    done <"$(guest_log "$1")"
    [ $count -ge "$2" ]
} 2>/dev/null
guest_wait_ready() { # NAME [HOW OFTEN IT HAS BOOTED SINCE THE CASE BEGAN]
    wait_until $((120 * BED_FACTOR)) has_booted "$1" "${2:-1}" || {
        tail -n 20 "$(guest_log "$1")"
        fail "guest $1 is not ready"
    }
    guest_note "$1"
}

# guest_run NAME COMMANDS...: runs them in the guest's bash and prints what they print; returns
# their status, or 124 if there is none after guest_seconds. The guest's lib.sh has more words.
guest_seconds=$((120 * BED_FACTOR))
guest_begin() { # NAME COMMANDS...: the same without waiting; sets guest_job
    local name=$1
    shift
    guest_job=j$RANDOM$RANDOM
    printf '%s %s\n' "$guest_job" "$(base64 -w0 <<<"$*")" >"${guest_terminal[$name]}"
}
guest_end() { # NAME [JOB]: waits for a job of guest_begin
    local name=$1 job=${2:-$guest_job} log
    log=$(guest_log "$name")
    local end=$((SECONDS + guest_seconds)) line part='' fd
    # In this shell alone: a process is dear on an emulated machine.
    exec {fd}<"$log"
    while :; do
        if IFS= read -r line <&"$fd"; then
            line=${part}${line%$'\r'} part=''
            case $line in
            "$job|"*) echo "${line#*|}" ;;
            "$job!"*) exec {fd}<&-
                return "${line#*!}" ;;
            esac
        else
            part+=$line
            [ $SECONDS -lt $end ] || break
            pause
        fi
    done
    exec {fd}<&-
    echo "guest $name: no answer within $guest_seconds s"
    return 124
}
guest_run() {
    guest_begin "$@" || { echo "guest $1 has no console"; return 125; }
    guest_end "$1"
}
guest_must() { # NAME COMMANDS...
    local status=0
    guest_run "$@" || status=$?
    [ $status = 0 ] || fail "in guest $1, status $status of: ${*:2}"
}
# What the guest's kernel has to say of the frontend or of a disk in trouble.
expect_guest_quiet() { # NAME
    local said
    said=$(guest_run "$1" "dmesg | grep -E 'Disabling device|illegal rqid|grant still in use|I/O error|BUG|WARNING|Oops|timing out command|rejecting I/O|Device offlined|Unable to map request_buffer'")
    [ -z "$said" ] || { echo "$said"; fail "guest $1's kernel complains"; }
}
guest_gone() { ! guest_exists "$1"; }
guest_destroy() { must pvscsictl destroy "$1"; }

# ---- LUNs

# The state of a LUN in pvscsictl's list: connected, failed, ...
lun_state() { pvscsictl list "$1" | awk -v vdev="$2" '$3 == vdev { print $4 }'; }
lun_is() { [ "$(lun_state "$1" "$2")" = "$3" ]; }
expect_lun() { # GUEST VDEV STATE
    wait_until $((20 * BED_FACTOR)) lun_is "$@" || { pvscsictl list; fail "$1: LUN $2 is $(lun_state "$1" "$2"), not $3"; }
}
attach() { must pvscsictl attach --timeout $((30 * BED_FACTOR)) "$@"; }
detach() { must pvscsictl detach --timeout $((30 * BED_FACTOR)) "$@"; }
back_path() { echo "/local/domain/0/backend/vscsi/$(guest_id "$1")/${2:-0}"; }
front_path() { echo "/local/domain/$(guest_id "$1")/device/vscsi/${2:-0}"; }
node() { xenstore-read "$1" 2>/dev/null; }
node_is() { [ "$(node "$1")" = "$2" ]; }

image_file() { # NAME SIZE: a disk image, and its entry's PDEV on standard output
    truncate -s "$2" "$scratch/$1"
    echo "file:$scratch/$1"
}
