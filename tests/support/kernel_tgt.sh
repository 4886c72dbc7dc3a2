# shellcheck shell=bash
# tgt's units as devices of this kernel, over open-iscsi: a disk, two tape drives, a changer with tapes, a
# CD drive. Logged out when the case ends. Sourced inside the machine, after case.sh.
#
#   tgt_up [SESSIONS]    starts them, and logs in so often; tgt_disk, tgt_tapes, tgt_changer, tgt_cd then
#                        print sg nodes
#   tgt_hangs, tgt_goes_on
#   tape_in SLOT DRIVE   moves a tape
#   nodes DRIVER [TYPE]  the sg nodes of any host adapter's driver

# nodes DRIVER [TYPE]: the sg nodes of a host adapter's driver, by address; TYPE as in INQUIRY: 0 disk,
# 1 tape, 5 CD, 8 changer.
nodes() {
    local dir address
    for dir in /sys/class/scsi_generic/sg*; do
        [ -e "$dir/device/type" ] || continue
        address=$(basename "$(readlink "$dir/device")")
        driven_by "/sys/class/scsi_host/host${address%%:*}" "$1" || continue
        [ -z "${2:-}" ] || [ "$(cat "$dir/device/type")" = "$2" ] || continue
        echo "$address /dev/${dir##*/}"
    done | sort -V | cut -d' ' -f2
}
driven_by() { # HOST DRIVER: not all have a name of their own, nor all a device below them
    [ "$(cat "$1/proc_name")" = "$2" ] || [ "$(basename "$(readlink -f "$(readlink -f "$1/device")/../driver")")" = "$2" ]
}
nodes_are() { [ "$(nodes "$1" "${3:-}" | wc -l)" = "$2" ]; } # DRIVER NUMBER [TYPE]

tgt_disk() { nodes iscsi_tcp 0; }
tgt_tapes() { nodes iscsi_tcp 1; }
tgt_changer() { nodes iscsi_tcp 8; }
tgt_cd() { nodes iscsi_tcp 5; }
tgtctl() { must tgtadm --lld iscsi "$@"; }
tgt_unit() { # LUN KEY=VALUE,...
    tgtctl --op update --mode logicalunit --tid 1 --lun "$1" --params "$2"
}
tgt_up() { # [SESSIONS]
    local slot tape
    [ -s /etc/passwd ] || echo root:x:0:0:root:/root:/bin/bash >/etc/passwd
    [ -s /etc/hosts ] || echo 127.0.0.1 localhost >/etc/hosts
    modprobe -a iscsi_tcp st sr_mod ch || fail "no iSCSI in this kernel"
    mkdir -p /tmp/tgt/tapes /run/lock/iscsi /run/tgtd /etc/iscsi /var
    [ -e /var/run ] || ln -s /run /var/run
    tgtd -f --iscsi portal=127.0.0.1:3260 >/tmp/tgtd.log 2>&1 &
    tgtd=$!
    wait_until 20 tgtadm --op show --mode target >/dev/null 2>&1 || fail "tgtd: $(cat /tmp/tgtd.log)"
    tgtctl --op new --mode target --tid 1 -T iqn.2026-01.test:devices
    truncate -s 64M /tmp/tgt/disk
    head -c 4194304 /dev/urandom >/tmp/tgt/cd
    tgtctl --op new --mode logicalunit --tid 1 --lun 1 --backing-store /tmp/tgt/disk
    tgt_unit 1 thin_provisioning=1
    tgtctl --op new --mode logicalunit --tid 1 --lun 2 --device-type tape
    tgtctl --op new --mode logicalunit --tid 1 --lun 3 --device-type tape
    tgtctl --op new --mode logicalunit --tid 1 --lun 5 --device-type cd --backing-store /tmp/tgt/cd
    # tgt wants a backing of everything that is not a tape.
    head -c 1024 /dev/zero >/tmp/tgt/changer
    tgtctl --op new --mode logicalunit --tid 1 --lun 4 --device-type changer --backing-store /tmp/tgt/changer
    tgt_unit 4 element_type=4,start_address=1,quantity=2
    tgt_unit 4 element_type=4,address=1,tid=1,lun=2
    tgt_unit 4 element_type=4,address=2,tid=1,lun=3
    tgt_unit 4 element_type=1,start_address=16,quantity=1
    tgt_unit 4 media_home=/tmp/tgt/tapes
    tgt_unit 4 element_type=2,start_address=1024,quantity=8
    for slot in 0 1 2 3; do
        tape=TAPE000$slot
        must tgtimg --op new --device-type tape --barcode $tape --size 8 --type data --file /tmp/tgt/tapes/$tape >/dev/null
        tgt_unit 4 element_type=2,address=$((1024 + slot)),barcode=$tape,sides=1
    done
    tgtctl --op bind --mode target --tid 1 -I ALL
    tgt_login "${1:-1}"
}
tgt_login() { # SESSIONS
    rm -rf /etc/iscsi/nodes /etc/iscsi/send_targets
    echo InitiatorName=iqn.2026-01.test:initiator >/etc/iscsi/initiatorname.iscsi
    # Once tgtd has gone its devices shall fail soon.
    printf '%s\n' node.startup=manual node.conn[0].timeo.noop_out_interval=0 node.session.timeo.replacement_timeout=5 node.session.err_timeo.lu_reset_timeout=15 \
        "node.session.nr_sessions = $1" | sed 's/ *= */ = /' >/etc/iscsi/iscsid.conf
    iscsid -f >/tmp/iscsid.log 2>&1 &
    iscsi_up() { iscsiadm -m discovery -t sendtargets -p 127.0.0.1 >/tmp/iscsiadm.log 2>&1; }
    wait_until 20 iscsi_up || fail "no discovery: $(cat /tmp/iscsiadm.log /tmp/iscsid.log)"
    at_end tgt_logout
    iscsiadm -m node --login >/tmp/iscsiadm.log 2>&1 || fail "no login: $(cat /tmp/iscsiadm.log /tmp/iscsid.log)"
    wait_until 20 nodes_are iscsi_tcp $((6 * $1)) || fail "tgt's nodes: $(nodes iscsi_tcp)"
}
tgt_logout() {
    tgt_goes_on 2>/dev/null
    timeout 20 iscsiadm -m node --logout >/dev/null 2>&1
}
# Commands of all its units hang from one to the other.
tgt_hangs() { kill -STOP "$tgtd"; }
tgt_goes_on() { kill -CONT "$tgtd"; }
tape_in() { # SLOT DRIVE
    must mtx -f "$(tgt_changer)" load "$1" "$2" >/dev/null
}
