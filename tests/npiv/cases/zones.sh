# shellcheck shell=bash
# what: an initiator is zoned out and in again; the other one never notices
# shellcheck source=tests/npiv/guest/npiv.sh
. /job/npiv.sh
# shellcheck source=tests/npiv/guest/native.sh
. "/job/${side:-native}.sh"
# shellcheck source=tests/npiv/guest/io.sh
. /job/io.sh
fabric_up
for vport in 1 2; do
    mask_add $vport 0 $vport
    fabric zone add "$(wwpn $vport)" $target || fail "zone of $vport"
done
for vport in 1 2; do initiator_up $vport 0; done
load_begin 1 0

must fabric zone remove "$(wwpn 2)" $target
rport_becomes 2 Blocked
must fabric zone add "$(wwpn 2)" $target
rport_becomes 2 Online
settled 2 0
io 2 0

dev_loss 2 5
must fabric zone remove "$(wwpn 2)" $target
rport_becomes 2 'Not Present'
wait_until 20 sees_luns 2 || fail "nodes that stay: $(lun_nodes 2)"
vport_is 2 Active || fail "vport 2 is $(vport_state 2)"
must fabric zone add "$(wwpn 2)" $target
wait_until 60 sees_luns 2 0 || fail "nodes that come: $(lun_nodes 2)"
io 2 0
rport_is 1 Online || fail "initiator 1 sees the target $(cat "$(rport 1)/port_state")"
load_goes_on 1 0
load_end 1 0 || fail "I/O of initiator 1: $(cat /tmp/fio.1.0)"

# Who is in no zone sees nothing from the start.
mask_add 3 0 3
must initiator_begin 3 0
vport_becomes 3 Active
sleep 3
sees_luns 3 || fail "initiator 3 is in no zone and sees: $(lun_nodes 3)"
must fabric zone add "$(wwpn 3)" $target
wait_until 60 sees_luns 3 0 || fail "initiator 3 sees: $(lun_nodes 3)"
