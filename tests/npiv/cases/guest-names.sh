# shellcheck shell=bash
# what: names that others have, that are the wrong way round, and a port without NPIV are refused for that guest alone
# shellcheck source=tests/npiv/guest/npiv.sh
. /job/npiv.sh
# shellcheck source=tests/npiv/guest/through.sh
. /job/through.sh
# shellcheck source=tests/npiv/guest/io.sh
. /job/io.sh
daemon_settings() {
    echo '[npiv]'
    echo 'linger = 3'
    echo 'wait = 8'
}
fabric_up
mask_add 1 0 1
initiator_up 1 0
load_begin 1 0

# refused TEXT ENTRY: what create says of guest g2 with it
refused() {
    {
        echo 'name = "g2"'
        echo 'type = "pv"'
        echo "vscsi = [ '$2' ]"
    } >/tmp/g2.cfg
    pvscsictl create /tmp/g2.cfg >/tmp/said 2>&1 && fail "not refused: $2"
    echo "$2:"
    cat /tmp/said
    grep -qi "$1" /tmp/said || fail "$2: does not say: $1"
}
lun=fc.$target:0,0:0:0:0
refused 'g1' "$lun,vport=$(wwpn 1):$(wwnn 1)"
refused "$target" "$lun,vport=$target:$(wwnn 2)"
refused "$initiator" "$lun,vport=$initiator:$(wwnn 2)"
refused 'round' "$lun,vport=$(wwnn 1):$(wwpn 1)"
refused '16 hexadecimal' "$lun,vport=$(wwpn 2)0:$(wwnn 2)"
refused 'pool' "$lun,vport=auto"
refused "2000020000000099" "$lun,vport=$(wwpn 2):$(wwnn 2)@2000020000000099"
# A port of somebody else's is not taken, nor deleted.
echo "$(wwpn 8):$(wwnn 8)" >"$(fc_host $initiator)/vport_create"
vport_becomes 8 Active
refused "$(wwpn 8)" "$lun,vport=$(wwpn 8):$(wwnn 8)"
vport_is 8 Active || fail "somebody else's port is $(vport_state 8)"
# The LUN is not there, the target is not there, the fabric refuses: each says which.
refused 'LUN 5' "fc.$target:5,0:0:0:5,vport=$(wwpn 2):$(wwnn 2)@$initiator"
refused '2000020000000077' "fc.2000020000000077:0,0:0:0:5,vport=$(wwpn 2):$(wwnn 2)@$initiator"
must fabric refuse "$(wwpn 3)" 9 29
refused 'Initializing\|log' "$lun,vport=$(wwpn 3):$(wwnn 3)@$initiator"
must fabric accept
must fabric npiv off
must fabric relogin sw-i
vport_becomes 8 'No Fabric Support'
refused 'No Fabric Support' "$lun,vport=$(wwpn 4):$(wwnn 4)@$initiator"
must fabric npiv on
must fabric relogin sw-i
vport_becomes 8 Active

load_goes_on 1 0
load_end 1 0 || fail "I/O of the guest that is served: $(cat /tmp/fio.1.0)"
