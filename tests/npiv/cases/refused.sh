# shellcheck shell=bash
# what: FDISC is refused, or not answered, for a while; then the vport comes up by itself
# shellcheck source=tests/npiv/guest/npiv.sh
. /job/npiv.sh
# shellcheck source=tests/npiv/guest/native.sh
. "/job/${side:-native}.sh"
# shellcheck source=tests/npiv/guest/io.sh
. /job/io.sh
fabric_up
mask_add 1 0 0
mask_add 2 0 1
stays() { # STATE SECONDS
    local end=$((SECONDS + $2))
    while [ $SECONDS -lt $end ]; do
        vport_is 1 "$1" || fail "the vport is $(vport_state 1), not $1"
        pause
    done
}
must fabric refuse "$(wwpn 1)" 9 29
must initiator_begin 1 0
vport_becomes 1 Initializing
stays Initializing 7
# Others are not concerned.
initiator_up 2 0
must fabric accept
vport_becomes 1 Active 15
wait_until 60 sees_luns 1 0 || fail "initiator 1 sees: $(lun_nodes 1)"
initiator_down 1

# For a time; and of any port.
must fabric refuse any 9 d 8
begin=$SECONDS
initiator_up 1 0
[ $((SECONDS - begin)) -ge 5 ] || fail "nobody was refused: up after $((SECONDS - begin)) s"
initiator_down 1

must fabric ignore "$(wwpn 1)"
must initiator_begin 1 0
vport_becomes 1 Initializing
stays Initializing 7
must fabric accept
vport_becomes 1 Active 60
wait_until 60 sees_luns 1 0 || fail "initiator 1 sees: $(lun_nodes 1)"
io 1 0
