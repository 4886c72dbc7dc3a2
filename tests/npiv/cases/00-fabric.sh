# shellcheck shell=bash
# what: two vports become Active; each sees its own units, by its own port
# brief: yes
# shellcheck source=tests/npiv/guest/npiv.sh
. /job/npiv.sh
# shellcheck source=tests/npiv/guest/native.sh
. "/job/${side:-native}.sh"
# shellcheck source=tests/npiv/guest/io.sh
. /job/io.sh
fabric_up
echo "fabric after $SECONDS s"
mask_add 1 0 0
mask_add 1 5 2
mask_add 2 0 1
mask_add 2 5 2
initiator_up 1 0 5
initiator_up 2 0 5
echo "vports after $SECONDS s"
fabric list

# A port of its own each, on the one link.
for vport in 1 2; do
    id=$(fc_id "$(wwpn $vport)")
    [ "$(cat "$(fc_host "$(wwpn $vport)")/port_id")" = "0x$id" ] || fail "vport $vport's address is not $id"
    read -r _ _ node link role _ < <(fabric_port "$(wwpn $vport)")
    [ "$node $link $role" = "$(wwnn $vport) sw-i virtual" ] || fail "vport $vport: $node $link $role"
done
[ "$(fc_id "$(wwpn 1)")" != "$(fc_id "$(wwpn 2)")" ] || fail "two ports at one address"

unit_is 1 0 0
unit_is 1 5 2
unit_is 2 0 1
unit_is 2 5 2
for vport in 1 2; do io $vport 0; done
# What the one writes to the shared unit is what the other one reads there.
head -c 65536 /dev/urandom >/tmp/written
must on 1 5 sg_dd if=/tmp/written of=NODE bs=512 count=128
must on 2 5 sg_dd if=NODE of=/tmp/read bs=512 count=128
cmp /tmp/written /tmp/read || fail "the shared unit is not shared"

# The one that goes leaves the other one alone.
initiator_down 1
gone() { ! logged_in "$(wwpn 1)"; }
wait_until 20 gone || fail "the deleted vport is still logged in"
vport 1 && fail "the deleted vport is there"
sees_luns 2 0 5 || fail "vport 2 sees: $(lun_nodes 2)"
io 2 0
