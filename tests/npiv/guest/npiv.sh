# shellcheck shell=bash
# A fabric with an initiator's port and a target's, vports on the one and units behind the other.
# Sourced inside the machine.
#
#   fc-i --- sw-i  test-fabric  sw-t --- fc-t      fc-i: the port with the vports
#                                                  fc-t: LIO's tcm_fc, with units 0 to 3
#
# Links, ports and units stay for the other cases of a boot; vports, masks and the fabric are each
# case's own. Vports have numbers from 1 on here.
# shellcheck source=tests/vm/guest/lib.sh
declare -F must >/dev/null || . /job/lib.sh # a Xen case has its own

PATH=/pvscsi/tests/npiv/fabric:$PATH
fabric_socket=/tmp/fabric.sock
fcoe=/sys/module/libfcoe/parameters
# A port's name is 2000 and its link's address.
initiator_mac=02:00:00:00:00:0a initiator=200002000000000a
target_mac=02:00:00:00:00:0b target=200002000000000b
# The fabric's and the hosts' signs of life. Two and a half of it without one, and a link is dead.
period=4

wwpn() { printf '2100%012x' "$1"; }
wwnn() { printf '2000%012x' "$1"; }
colons() { sed 's/../&:/g; s/:$//' <<<"$1"; }

# --- The links

link_up() { # NAME PEER MAC
    local end
    if [ ! -d "/sys/class/net/$1" ]; then
        must ip link add "$1" type veth peer name "$2"
        must ip link set "$1" address "$3"
        for end in "$1" "$2"; do
            [ ! -e "/proc/sys/net/ipv6/conf/$end" ] || echo 1 >"/proc/sys/net/ipv6/conf/$end/disable_ipv6"
            must ip link set "$end" mtu 2500 # a whole FC frame
        done
    fi
    must ip link set "$1" up
    must ip link set "$2" up
}
fcoe_up() { # LINK WWPN: its FC port
    fc_host "$2" >/dev/null || { echo "$1" >$fcoe/create; } || fail "no FCoE on $1"
    fc_host "$2" >/dev/null || fail "no FC port $2"
}
fc_host() { # WWPN: its folder
    local dir name
    for dir in /sys/class/fc_host/host*; do
        { read -r name <"$dir/port_name"; } 2>/dev/null || continue
        [ "$name" != "0x$1" ] || { echo "$dir"; return; }
    done
    return 1
}
port_state_is() { [ "$(cat "$(fc_host "$1")/port_state")" = "$2" ]; } # WWPN STATE

# --- The fabric

fabric_up() {
    local name
    modprobe -a veth fcoe tcm_fc sg sd_mod || skip "no FCoE in this kernel"
    link_up fc-i sw-i $initiator_mac
    link_up fc-t sw-t $target_mac
    fabric_start
    at_end fabric_end
    units_up
    fcoe_up fc-t $target
    fcoe_up fc-i $initiator
    for name in $target $initiator; do
        wait_until 60 logged_in $name || fail "$name does not log in"
        wait_until 30 port_state_is $name Online || fail "$name is $(cat "$(fc_host $name)/port_state")"
    done
    # While the target hears of it: a mask can't go before its initiator has.
    vports_clear
    mask_clear
}
fabric_start() {
    test-fabric --control $fabric_socket run --link sw-i --target sw-t --period ${period}000 \
        >>/tmp/fabric.log 2>&1 </dev/null &
    fabric_pid=$!
    wait_until 20 fabric state >/dev/null 2>&1 || fail "no fabric: $(cat /tmp/fabric.log)"
}
fabric_kill() {
    kill -9 $fabric_pid
    wait $fabric_pid 2>/dev/null
}
# Nothing is on its way when the fabric goes: LIO waits for good for what it has not got rid of.
fabric_end() { # STATUS
    local load
    [ "$1" != 0 ] || return 0
    echo "--- fabric:"
    tail -n 40 /tmp/fabric.log
    ip link set fc-i up
    ip link set fc-t up
    fabric_kill
    fabric_start
    for load in /tmp/load.*.passes; do
        [ ! -e "$load" ] || : >"${load%passes}end"
    done
    no_load() { [ -z "$(jobs -r | grep -v test-fabric)" ]; }
    wait_until 60 no_load
}
fabric() { test-fabric --control $fabric_socket tell "$@"; } # COMMAND...: see its README
# What the fabric knows of a port: address, WWPN, WWNN, link, role, symbolic name.
fabric_port() { fabric list | grep "^[0-9a-f]* $1 "; } # WWPN
logged_in() { fabric_port "$1" >/dev/null; }
fc_id() { fabric_port "$1" | cut -d' ' -f1; }

# --- The target

lio=/sys/kernel/config/target
portal=$lio/fc/$(colons $target)/tpgt_1
units_up() { # units 0 to 3, of 8 MiB
    local unit core
    grep -q " /sys/kernel/config " /proc/mounts || must mount -t configfs configfs /sys/kernel/config
    mkdir -p /var/target/pr # LIO notes registrations there
    must mkdir -p "$portal"
    for unit in 0 1 2 3; do
        core=$lio/core/rd_mcp_0/unit$unit
        [ ! -d "$core" ] || continue
        must mkdir -p "$core"
        echo rd_pages=2048 >"$core/control"
        echo "pvscsi-npiv-$unit" >"$core/wwn/vpd_unit_serial"
        echo 1 >"$core/enable"
        must mkdir -p "$portal/lun/lun_$unit"
        must ln -s "$core" "$portal/lun/lun_$unit/unit"
    done
}
# The mask: which LUNs an initiator sees, and which units they are. Whoever logs in before it has a
# mask gets none later: first mask_add, then the vport.
mask_add() { # VPORT LUN UNIT
    local lun
    lun=$portal/acls/$(colons "$(wwpn "$1")")/lun_$2
    must mkdir -p "$lun"
    must ln -s "$portal/lun/lun_$3" "$lun/unit"
}
mask_remove() { # VPORT LUN
    lun_unmask "$portal/acls/$(colons "$(wwpn "$1")")/lun_$2"
}
lun_unmask() { # FOLDER
    must rm "$1/unit"
    must rmdir "$1"
}
mask_clear() {
    local initiator lun
    for initiator in "$portal"/acls/*; do
        [ -d "$initiator" ] || continue
        for lun in "$initiator"/lun_*; do
            [ ! -d "$lun" ] || lun_unmask "$lun"
        done
        must rmdir "$initiator"
    done
}

# --- Vports

vport_create() { # NUMBER
    echo "$(wwpn "$1"):$(wwnn "$1")" >"$(fc_host $initiator)/vport_create"
}
vport_delete() {
    echo "$(wwpn "$1"):$(wwnn "$1")" >"$(fc_host $initiator)/vport_delete"
}
vport() { # NUMBER: its folder
    local dir name
    for dir in /sys/class/fc_vports/vport-*; do
        { read -r name <"$dir/port_name"; } 2>/dev/null || continue
        [ "$name" != "0x$(wwpn "$1")" ] || { echo "$dir"; return; }
    done
    return 1
}
vports() { # as many as there are
    local dirs=(/sys/class/fc_vports/vport-*)
    [ -e "${dirs[0]}" ] && echo ${#dirs[@]} || echo 0
}
vports_clear() {
    local dir
    for dir in /sys/class/fc_vports/vport-*; do
        [ ! -e "$dir" ] || echo 1 >"$dir/vport_delete"
    done
    no_vports() { [ "$(vports)" = 0 ]; }
    wait_until 60 no_vports || fail "$(vports) vports stay"
}
vport_state() { cat "$(vport "$1")/vport_state"; }
vport_is() { [ "$(vport_state "$1")" = "$2" ]; } # NUMBER STATE
vport_becomes() { # NUMBER STATE [SECONDS]
    wait_until "${3:-30}" vport_is "$1" "$2" || fail "vport $1 is $(vport_state "$1") after ${3:-30} s, not $2"
}
vport_host() { basename "$(fc_host "$(wwpn "$1")")"; } # NUMBER: hostN

# The target as a vport sees it, by name: FC has no order.
rport() { # NUMBER: its folder
    local host dir name
    host=$(vport_host "$1")
    for dir in /sys/class/fc_remote_ports/rport-"${host#host}":*; do
        { read -r name <"$dir/port_name"; } 2>/dev/null || continue
        [ "$name" != "0x$target" ] || { echo "$dir"; return; }
    done
    return 1
}
rport_is() { [ "$(cat "$(rport "$1")/port_state")" = "$2" ]; } # NUMBER STATE
rport_becomes() { # NUMBER STATE [SECONDS]
    wait_until "${3:-30}" rport_is "$1" "$2" ||
        fail "vport $1 sees the target $(cat "$(rport "$1")/port_state") after ${3:-30} s, not $2"
}
dev_loss() { echo "$2" >"$(rport "$1")/dev_loss_tmo" || fail "dev_loss_tmo of vport $1"; } # NUMBER SECONDS

# The sg nodes behind a vport: lines "LUN NODE".
lun_nodes() { # NUMBER
    local host dir address
    host=$(vport_host "$1") || return 0
    for dir in /sys/class/scsi_generic/sg*; do
        address=$(readlink "$dir/device") || continue
        address=${address##*/}
        [ "${address%%:*}" != "${host#host}" ] || echo "${address##*:} /dev/${dir##*/}"
    done | sort -n
}

node() { lun_nodes "$1" | sed -n "s/^$2 //p"; } # NUMBER LUN

# --- A port without a fabric

alone=200002000000000c
alone_up() {
    modprobe -a veth fcoe || skip "no FCoE in this kernel"
    ! fc_host $alone >/dev/null || alone_down
    link_up fc-a sw-a 02:00:00:00:00:0c
    fcoe_up fc-a $alone
}
alone_down() {
    echo fc-a >$fcoe/destroy
    alone_gone() { ! fc_host $alone >/dev/null; }
    wait_until 30 alone_gone || fail "the port stays"
    must ip link del fc-a
}
vports_of() { # FC-HOST: their names
    local vport
    for vport in /sys/class/fc_vports/vport-"${1##*/host}":*; do
        [ ! -e "$vport" ] || echo "${vport##*/}"
    done
}
