# shellcheck shell=bash
# what: advertisements and keep-alives that are lost end the logins, which then come again
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

must fabric lose advertisements sw-i
begin=$SECONDS
vport_becomes 1 Linkdown $((period * 5))
[ $((SECONDS - begin)) -ge $((period * 3 / 2)) ] || fail "Linkdown after $((SECONDS - begin)) s already"
must fabric lose nothing sw-i
vport_becomes 1 Active
rport_becomes 1 Online

must fabric lose keep-alives sw-i
given_up() { grep -q 'sw-i: no keep-alive' /tmp/fabric.log; }
wait_until $((period * 5)) given_up || fail "the fabric has not missed anything"
must fabric lose nothing sw-i
vport_becomes 1 Active
rport_becomes 1 Online
io 1 0
[ "$(lun_nodes 1)" = "$was" ] || fail "other nodes than before: $(lun_nodes 1), not $was"
