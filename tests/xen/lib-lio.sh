# shellcheck shell=bash
# The kernel's own backend, xen-scsiback with LIO behind it, set up by hand in configfs. Sourced by
# the cases that need it, after lib.sh.

lio_core=/sys/kernel/config/target/core lio_wwn=naa.5001405000000001
lio_fabric=/sys/kernel/config/target/xen-pvscsi lio_port=$lio_fabric/$lio_wwn/tpgt_0
at_end lio_stop

lio_start() {
    modprobe -a target_core_mod target_core_file target_core_pscsi xen-scsiback || skip "no LIO in this kernel"
    [ -d /sys/kernel/config/target ] || must mount -t configfs configfs /sys/kernel/config
    must mkdir -p "$lio_port"
    must eval "echo naa.5001405000000002 >$lio_port/nexus"
}
# lio_lun N ramdisk|file|pscsi [PATH]: LUN N of the target, 16 MiB; for pscsi a disk's /dev/sdX
lio_lun() {
    local store
    case $2 in
    ramdisk) store=$lio_core/rd_mcp_0/lun$1
        must mkdir -p "$store"
        echo rd_pages=4096 >"$store/control" ;;
    file) store=$lio_core/fileio_0/lun$1
        must mkdir -p "$store"
        truncate -s 16M "$3"
        echo "fd_dev_name=$3,fd_dev_size=16777216" >"$store/control" ;;
    pscsi) store=$lio_core/pscsi_0/lun$1
        must mkdir -p "$store"
        local address
        address=$(basename "$(readlink "/sys/block/${3#/dev/}/device")")
        # shellcheck disable=SC2086
        set -- $1 $2 $3 ${address//:/ }
        echo "scsi_host_id=$4,scsi_channel_id=$5,scsi_target_id=$6,scsi_lun_id=$7" >"$store/control"
        echo "$3" >"$store/udev_path" ;;
    esac
    must eval "echo 1 >$store/enable"
    must mkdir -p "$lio_port/lun/lun_$1"
    must ln -s "$store" "$lio_port/lun/lun_$1/store"
}
# A disk of LIO under dom0's own SCSI, on 16 MiB of its memory; sets lio_own to its /dev/sdX.
lio_own_port=/sys/kernel/config/target/loopback/naa.5001405000000011/tpgt_1
lio_own_disk() {
    local store=$lio_core/rd_mcp_1/own
    modprobe -a target_core_mod tcm_loop || fail "no LIO in this kernel"
    [ -d /sys/kernel/config/target ] || must mount -t configfs configfs /sys/kernel/config
    must mkdir -p "$lio_own_port/lun/lun_0" "$store" /var/target/pr
    echo rd_pages=4096 >"$store/control"
    must eval "echo 1 >$store/enable"
    must eval "echo naa.5001405000000012 >$lio_own_port/nexus"
    must ln -s "$store" "$lio_own_port/lun/lun_0/store"
    wait_until $((20 * BED_FACTOR)) lio_own_found
}
lio_own_found() {
    local dir
    for dir in /sys/block/sd*; do
        [[ ! -e $dir || $(<"$dir/device/model") != RAMDISK* ]] || { lio_own=/dev/${dir##*/}; return 0; }
    done
    return 1
}
lio_stop() {
    local dir
    [ -d "$lio_port" ] || return 0
    # A guest that is still there holds the target.
    # shellcheck disable=SC2154  # of lib.sh
    for dir in "${guest_number[@]}"; do
        xl destroy "$dir" 2>/dev/null
        # So does its device; the kernel does not notice it when more than this goes at once.
        xenstore-rm "/local/domain/0/backend/vscsi/$dir" 2>/dev/null
    done
    rm -f "$lio_port"/lun/lun_*/store
    rmdir "$lio_port"/lun/lun_*
    # Refused as long as there is a LUN, or a guest's device.
    wait_until 20 eval "echo NULL >$lio_port/nexus" 2>/dev/null
    rmdir "$lio_port" "$lio_fabric/$lio_wwn" "$lio_fabric"
    for dir in "$lio_core"/*/lun*; do rmdir "$dir"; done
    rmdir "$lio_core"/{rd_mcp_0,fileio_0,pscsi_0} 2>/dev/null
    rmmod xen-scsiback
}

# The nodes of a LUN of the target, as v-dev 0:0:0:N
lio_lun_nodes() { # GUEST N
    local dev
    dev=$(back_path "$1")/vscsi-devs/dev-$2
    echo "$dev/p-dev" "$lio_wwn:$2" "$dev/p-devname" "$lio_wwn:$2" "$dev/v-dev" "0:0:0:$2" "$dev/state" 1
}
# A guest with these LUNs of the target, at 0:0:0:N each
lio_guest_start() { # GUEST N...
    local name=$1 back front number nodes=() n
    shift
    guest_start_bare "$name" -p
    guest_note "$name"
    number=$(guest_id "$name") back=$(back_path "$name") front=$(front_path "$name")
    # shellcheck disable=SC2207
    for n in "$@"; do nodes+=($(lio_lun_nodes "$name" "$n")); done
    must xenstore-write "$back/frontend" "$front" "$back/frontend-id" "$number" "$back/online" 1 "$back/feature-host" 0 \
        "${nodes[@]}" "$back/state" 1
    must xenstore-write "$front/backend" "$back" "$front/backend-id" 0 "$front/state" 1
    must xenstore-chmod -r "$back" n0 "r$number"
    must xenstore-chmod -r "$front" "n$number" r0
    must xl unpause "$name"
    guest_wait_ready "$name" 1
}
lio_attach() { # GUEST N
    local back dev
    back=$(back_path "$1") dev=$(back_path "$1")/vscsi-devs/dev-$2
    # shellcheck disable=SC2046
    must xenstore-write $(lio_lun_nodes "$@")
    must xenstore-chmod -r "$dev" n0 "r$(guest_id "$1")"
    must xenstore-write "$back/state" 7
    wait_until $((20 * BED_FACTOR)) node_is "$dev/state" 4 || fail "the LUN is in $(node "$dev/state")"
    wait_until $((20 * BED_FACTOR)) node_is "$back/state" 4 || fail "the backend is in $(node "$back/state")"
}
lio_detach() { # GUEST N
    local back dev
    back=$(back_path "$1") dev=$(back_path "$1")/vscsi-devs/dev-$2
    must xenstore-write "$dev/state" 5 "$back/state" 7
    wait_until $((20 * BED_FACTOR)) node_is "$dev/state" 6 || fail "the LUN is in $(node "$dev/state")"
    wait_until $((20 * BED_FACTOR)) node_is "$back/state" 4 || fail "the backend is in $(node "$back/state")"
    must xenstore-rm "$dev"
}
