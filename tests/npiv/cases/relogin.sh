# shellcheck shell=bash
# what: a vport's login is ended by the fabric, and by the target; the fabric is killed and comes back
# shellcheck source=tests/npiv/guest/npiv.sh
. /job/npiv.sh
# shellcheck source=tests/npiv/guest/native.sh
. "/job/${side:-native}.sh"
# shellcheck source=tests/npiv/guest/io.sh
. /job/io.sh
fabric_up
for vport in 1 2; do
    mask_add $vport 0 $vport
    initiator_up $vport 0
done
was=$(lun_nodes 1; lun_nodes 2)
load_begin 2 0

# One port's login alone.
id=$(fc_id "$(wwpn 1)")
must fabric relogin "$(wwpn 1)"
again() { [ "$(fc_id "$(wwpn 1)")" = "$id" ] && vport_is 1 Active && rport_is 1 Online; }
wait_until 30 again || fail "vport 1 is $(vport_state 1)"
io 1 0
# And that with the target.
must fabric logout $target "$(wwpn 1)"
wait_until 30 verified_io 1 0 || fail "I/O of initiator 1: $(cat /tmp/fio.1.0)"

# The other one never notices.
load_goes_on 2 0
[ ! -e /tmp/load.2.0.disrupted ] || fail "initiator 2 is disrupted: $(cat /tmp/fio.2.0)"

fabric_kill
fabric_start
for vport in 1 2; do
    vport_becomes $vport Active 60
    rport_becomes $vport Online
done
io 1 0
load_goes_on 2 0
load_end 2 0 || fail "I/O of initiator 2: $(cat /tmp/fio.2.0)"
[ "$(lun_nodes 1; lun_nodes 2)" = "$was" ] || fail "other nodes than before: $(lun_nodes 1; lun_nodes 2), not $was"
