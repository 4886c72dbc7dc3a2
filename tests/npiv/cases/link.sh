# shellcheck shell=bash
# what: the physical port's link goes down and up under verified I/O
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
load_begin 2 0

must ip link set fc-i down
for vport in 1 2; do
    vport_becomes $vport Linkdown
    rport_becomes $vport Blocked
done
logged_out() { [ "$(fabric list | grep -c ' sw-i ')" = 0 ]; }
wait_until 10 logged_out || fail "still logged in: $(fabric list)"
must ip link set fc-i up
for vport in 1 2; do
    vport_becomes $vport Active
    rport_becomes $vport Online
    load_goes_on $vport 0
done

# The same by the switch: it ends the logins, and lets nobody in.
fabric port down sw-i
for vport in 1 2; do vport_becomes $vport Linkdown; done
fabric port up sw-i
for vport in 1 2; do
    vport_becomes $vport Active
    load_goes_on $vport 0
done
for vport in 1 2; do load_end $vport 0 || fail "I/O of initiator $vport: $(cat /tmp/fio.$vport.0)"; done
[ "$(lun_nodes 1; lun_nodes 2)" = "$was" ] || fail "other nodes than before: $(lun_nodes 1; lun_nodes 2), not $was"
