# shellcheck shell=bash
# what: the target is away for less than dev_loss_tmo: I/O waits and goes on
# shellcheck source=tests/npiv/guest/npiv.sh
. /job/npiv.sh
# shellcheck source=tests/npiv/guest/native.sh
. "/job/${side:-native}.sh"
# shellcheck source=tests/npiv/guest/io.sh
. /job/io.sh
fabric_up
mask_add 1 0 0
initiator_up 1 0
was=$(lun_nodes 1)
load_begin 1 0
must ip link set fc-t down
rport_becomes 1 Blocked
vport_is 1 Active || fail "the vport is $(vport_state 1) though only the target is away"
before=$(passes 1 0)
sleep 8
[ "$(passes 1 0)" -le $((before + 1)) ] || fail "I/O goes on without a target"
[ ! -e /tmp/load.1.0.failed ] || fail "I/O has not waited: $(cat /tmp/fio.1.0)"
must ip link set fc-t up
rport_becomes 1 Online
load_goes_on 1 0
load_end 1 0 || fail "I/O: $(cat /tmp/fio.1.0)"
[ "$(lun_nodes 1)" = "$was" ] || fail "other nodes than before: $(lun_nodes 1), not $was"
