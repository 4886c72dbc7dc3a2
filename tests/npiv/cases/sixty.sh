# shellcheck shell=bash
# what: 60 vports on one port, each with a LUN; all come back after a link bounce
# seconds: 500
# shellcheck source=tests/npiv/guest/npiv.sh
. /job/npiv.sh
# shellcheck source=tests/npiv/guest/native.sh
. "/job/${side:-native}.sh"
# shellcheck source=tests/npiv/guest/io.sh
. /job/io.sh
fabric_up
count=60
for vport in $(seq $count); do mask_add $vport 0 $((vport % 4)); done
begin=$SECONDS
for vport in $(seq $count); do must initiator_begin $vport 0; done
echo "begun after $((SECONDS - begin)) s"
active() { [ "$(cat /sys/class/fc_vports/*/vport_state | grep -c '^Active$')" = $count ]; }
nodes() { ls /sys/class/scsi_generic | wc -l; }
all_nodes() { [ "$(nodes)" = $count ]; }
wait_until ${patience:-60} active || fail "vports: $(cat /sys/class/fc_vports/*/vport_state | sort | uniq -c)"
echo "Active after $((SECONDS - begin)) s"
wait_until 120 all_nodes || fail "$(nodes) LUNs"
echo "LUNs after $((SECONDS - begin)) s"
[ "$(cat "$(fc_host $initiator)/npiv_vports_inuse")" = $count ] || fail "in use: $(cat "$(fc_host $initiator)/npiv_vports_inuse")"
[ "$(fabric list | grep -c virtual)" = $count ] || fail "the fabric knows $(fabric list | grep -c virtual)"
[ "$(fabric list | cut -d' ' -f1 | sort -u | wc -l)" = $((count + 2)) ] || fail "an address was given twice"
for vport in 1 31 60; do
    unit_is $vport 0 $((vport % 4))
    io $vport 0
done

must ip link set fc-i down
no_one() { ! active && [ "$(fabric list | grep -c virtual)" = 0 ]; }
wait_until 20 no_one || fail "still there: $(fabric list)"
begin=$SECONDS
must ip link set fc-i up
wait_until 90 active || fail "vports: $(cat /sys/class/fc_vports/*/vport_state | sort | uniq -c)"
echo "Active again after $((SECONDS - begin)) s"
all_nodes || fail "$(nodes) LUNs"
for vport in 1 31 60; do
    rport_becomes $vport Online
    io $vport 0
done
begin=$SECONDS
for vport in $(seq $count); do must initiator_down $vport; done
no_vports() { [ "$(vports)" = 0 ]; }
wait_until 30 no_vports || fail "$(vports) vports stay"
echo "deleted after $((SECONDS - begin)) s"
no_nodes() { [ "$(nodes)" = 0 ]; }
wait_until 30 no_nodes || fail "$(nodes) LUNs stay"
