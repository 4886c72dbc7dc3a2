# shellcheck shell=bash
# what: the fabric does nothing for 20 s, under verified I/O
# seconds: 300
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
load_begin 1 0
before=$(passes 1 0)
must fabric freeze 20
frozen=$SECONDS
vport_becomes 1 Linkdown 20 # no advertisements
# A vport is made at once, and has to wait.
mask_add 3 0 3
must initiator_begin 3 0
[ $((SECONDS - frozen)) -lt 18 ] || fail "the machine is too slow for this: $((SECONDS - frozen)) s"
vport_becomes 3 Linkdown 5
[ "$(passes 1 0)" -le $((before + 2)) ] || fail "I/O goes on through a frozen fabric"
for vport in 1 2 3; do vport_becomes $vport Active 60; done
wait_until 60 sees_luns 3 0 || fail "initiator 3 sees: $(lun_nodes 3)"
load_goes_on 1 0
load_end 1 0 || fail "I/O: $(cat /tmp/fio.1.0)"
io 2 0
[ "$(lun_nodes 1; lun_nodes 2)" = "$was" ] || fail "other nodes than before: $(lun_nodes 1; lun_nodes 2), not $was"
