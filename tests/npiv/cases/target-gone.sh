# shellcheck shell=bash
# what: the target is away for more than dev_loss_tmo: I/O fails, the nodes go; with the target new ones come
# shellcheck source=tests/npiv/guest/npiv.sh
. /job/npiv.sh
# shellcheck source=tests/npiv/guest/native.sh
. "/job/${side:-native}.sh"
# shellcheck source=tests/npiv/guest/io.sh
. /job/io.sh
fabric_up
mask_add 1 0 0
initiator_up 1 0
was=$(node 1 0)
dev_loss 1 8
load_begin 1 0
# Somebody who has it open still when it is gone, like a daemon.
exec {held}<>"$was"
must ip link set fc-t down
rport_becomes 1 Blocked
begin=$SECONDS
rport_becomes 1 'Not Present' 30
[ $((SECONDS - begin)) -ge 5 ] || fail "the target was given up after $((SECONDS - begin)) s already"
wait_until 20 sees_luns 1 || fail "nodes that stay: $(lun_nodes 1)"
load_end 1 0 && fail "I/O without a target ended well"
must ip link set fc-t up
wait_until 60 sees_luns 1 0 || fail "nodes that come: $(lun_nodes 1)"
[ "$(node 1 0)" != "$was" ] || fail "the new unit has the old one's node, which is open still"
exec {held}>&-
unit_is 1 0 0
io 1 0
