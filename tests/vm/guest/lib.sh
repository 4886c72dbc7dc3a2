# shellcheck shell=bash
# What the cases share: a guest of the embedded host, comparing a tool's output natively and in the
# guest. Sourced inside the machine.
# shellcheck source=tests/support/case.sh
. /job/case.sh

# guest_up PDEV[,OPTIONS]...: the embedded host, the daemon and a guest "g", whose LUNs
# /dev/pvscsi/0:0:0:0, :1, ... these are.
guest_up() {
    local pdev options entry lun=0 entries=()
    export BUILD=/pvscsi BED_DIR=/tmp/bed
    # shellcheck source=tests/support/bed.sh
    . /job/bed.sh
    must bed_start --log-level info
    for entry in "$@"; do
        pdev=${entry%%,*} options=${entry#"$pdev"}
        entries+=("'$pdev,0:0:0:$lun$options'")
        lun=$((lun + 1))
    done
    {
        echo 'name = "g"'
        echo 'type = "pv"'
        (IFS=,; echo "vscsi = [ ${entries[*]} ]")
    } >/tmp/g.cfg
    must pvscsictl create /tmp/g.cfg
    at_end show_logs
}
show_logs() { # STATUS
    [ "$1" = 0 ] || [ -z "$BED_DIR" ] || tail -n 30 "$BED_DIR"/*.log
}
as_guest() { pvscsi-run g -- "$@"; }
guest_down() {
    must pvscsictl destroy g
    must bed_stop
}
disk() { echo "/dev/pvscsi/0:0:0:$1"; }
fio_disk() { echo "/dev/pvscsi/0\\:0\\:0\\:$1"; } # to fio a colon parts file names

# The state of the guest's LUN: lun_state 1
lun_state() { pvscsictl list g | awk -v vdev="0:0:0:$1" '$3 == vdev { print $4 }'; }

# same_as_native TOOL ARGUMENTS... with NODE in the device's place: what the tool prints and how
# it ends is the same on the device itself and in the guest.
same_as_native() {
    local native=0 guest=0
    "${@//NODE/$native_node}" >/tmp/native.out 2>&1 || native=$?
    as_guest "${@//NODE/$guest_node}" >/tmp/guest.out 2>&1 || guest=$?
    # The node's name and the tool's addresses in memory are no matter of the device.
    sed -i "s,$native_node,NODE,g; s/0x[0-9a-f]\{8,\}/ADDRESS/g" /tmp/native.out
    sed -i "s,$guest_node,NODE,g; s/0x[0-9a-f]\{8,\}/ADDRESS/g" /tmp/guest.out
    if [ $native != $guest ] || ! cmp -s /tmp/native.out /tmp/guest.out; then
        echo "DIFFERENT: $* (status $native natively, $guest in the guest)"
        diff /tmp/native.out /tmp/guest.out
        different=$((different + 1))
        return 0
    fi
    echo "same: $* (status $native, $(wc -l </tmp/guest.out) lines)"
    compared=$((compared + 1))
}
# What the guest printed last.
guest_said() {
    grep -qi "$1" /tmp/guest.out || { cat /tmp/guest.out; fail "\"$1\" was not said"; }
}
different=0 compared=0
all_same() { # NUMBER: as many as there should have been
    [ $different = 0 ] || fail "$different tools differ"
    [ $compared = "$1" ] || fail "$compared comparisons instead of $1"
}

# lio_disk: a disk of LIO with two ways to it, each an initiator of its own, $ours and $theirs; nobody
# has registered with it. It stays until the machine ends.
lio_disk() {
    local core=/sys/kernel/config/target/core/rd_mcp_0/disk way port sg
    modprobe tcm_loop || skip "no LIO in this kernel"
    mount -t configfs configfs /sys/kernel/config 2>/dev/null
    mkdir -p /var/target/pr # LIO notes registrations there
    if [ ! -d $core ]; then
        must mkdir -p $core
        echo rd_pages=1024 >$core/control
        echo 1 >$core/enable
        for way in 1 2; do
            port=/sys/kernel/config/target/loopback/naa.500140500000001$way/tpgt_1
            must mkdir -p $port/lun/lun_0
            echo naa.500140500000002$way >$port/nexus
            must ln -s $core $port/lun/lun_0/disk
        done
    fi
    wait_until 20 lio_two_ways || fail "not two ways to the disk: $(lio_ways)"
    mapfile -t sg < <(lio_ways)
    ours=/dev/${sg[0]} theirs=/dev/${sg[1]}
    must sg_persist --out --register-ignore --param-sark=0x1 "$ours"
    must sg_persist --out --clear --param-rk=0x1 "$ours"
    for way in 1 2 3 4; do # unit attentions
        sg_turs "$ours"
        sg_turs "$theirs"
    done >/dev/null 2>&1
}
lio_ways() { grep -l RAMDISK /sys/class/scsi_generic/*/device/model | cut -d/ -f5 | sort -V; }
lio_two_ways() { [ "$(lio_ways | wc -l)" = 2 ]; }
