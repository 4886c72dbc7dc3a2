# shellcheck shell=bash
# The SCSI devices of the machine, beyond lib.sh's scsi_debug. Sourced inside the machine.
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
# shellcheck source=tests/scsi/guest/compare.sh
. /job/compare.sh

# shellcheck source=tests/support/kernel_tgt.sh
. /job/kernel_tgt.sh

# --- LIO: two units, each reached by two initiators of tcm_loop, straight from the kernel. Stays for
# the other cases of a boot, as it is. Never PREEMPT AND ABORT: tcm_loop hangs for good.
lio_target=/sys/kernel/config/target
lio_up() { # sets lio_nodes: the first initiator's units, then the second one's
    local unit way core port
    modprobe -a target_core_mod target_core_file tcm_loop || fail "no LIO in this kernel"
    grep -q " /sys/kernel/config " /proc/mounts || must mount -t configfs configfs /sys/kernel/config
    mkdir -p /var/target/pr # LIO notes registrations there
    for unit in 0 1; do
        core=$lio_target/core/fileio_$unit/disk
        [ ! -d "$core" ] || continue
        truncate -s 64M "/run/lio.$unit"
        must mkdir -p "$core"
        echo "fd_dev_name=/run/lio.$unit,fd_dev_size=67108864" >"$core/control"
        echo "pvscsi-lio-$unit" >"$core/wwn/vpd_unit_serial"
        echo 1 >"$core/enable"
        echo 1 >"$core/attrib/emulate_tpu"
        echo 1 >"$core/attrib/emulate_tpws"
    done
    for way in 1 2; do
        port=$lio_target/loopback/naa.500140500000001$way/tpgt_1
        [ ! -d "$port" ] || continue
        must mkdir -p "$port"
        echo "naa.500140500000002$way" >"$port/nexus"
        for unit in 0 1; do
            must mkdir -p "$port/lun/lun_$unit"
            must ln -s "$lio_target/core/fileio_$unit/disk" "$port/lun/lun_$unit/disk"
        done
    done
    wait_until 20 nodes_are tcm_loopback 4 || fail "LIO's nodes: $(nodes tcm_loopback)"
    mapfile -t lio_nodes < <(nodes tcm_loopback)
}

# --- QEMU's own devices; their drivers are loaded once somebody asks.
qemu_up() { # DRIVER NUMBER: so many disks and CD drives of it, until one is unplugged
    [ ! -e "/run/qemu.$1" ] || return 0
    modprobe "$1" || fail "modprobe $1"
    wait_until 30 nodes_are "$1" "$2" || fail "nodes of $1: $(nodes "$1")"
    touch "/run/qemu.$1"
}

# --- QEMU's monitor, at the second serial port.
qmp() { # JSON: what it returns; 1 if it is an error
    local line
    if [ -z "${qmp_port:-}" ]; then
        exec {qmp_port}<>/dev/ttyS1
        stty -F /dev/ttyS1 raw -echo
        # Until then the port sent back what came: a part of its greeting, and what that made QEMU say.
        # This byte is in no JSON: what QEMU has read so far is over.
        printf '\xff\n' >&"$qmp_port"
        while IFS= read -r -t 2 -u "$qmp_port" line; do :; done
        qmp '{"execute":"qmp_capabilities"}' >/dev/null
    fi
    echo "$1" >&"$qmp_port"
    while IFS= read -r -t 20 -u "$qmp_port" line; do
        case $line in
        *'"return"'*) echo "$line"; return 0 ;;
        *'"error"'*) echo "$line" >&2; return 1 ;;
        esac
    done
    echo "QEMU does not answer" >&2
    return 1
}
