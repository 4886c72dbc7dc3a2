# shellcheck shell=bash
# what: a frame that is lost costs its command, and nothing else
# shellcheck source=tests/npiv/guest/npiv.sh
. /job/npiv.sh
# shellcheck source=tests/npiv/guest/native.sh
. "/job/${side:-native}.sh"
# shellcheck source=tests/npiv/guest/io.sh
. /job/io.sh
fabric_up
mask_add 1 0 0
initiator_up 1 0
settled 1 0
must fabric drop fcp 1
begin=$SECONDS
told 1 0 DID_SOFT_ERROR
echo "after $((SECONDS - begin)) s"
[ $((SECONDS - begin)) -le 15 ] || fail "it took $((SECONDS - begin)) s"
settled 1 0
io 1 0
# The whole mask: the target forgets the initiator, whose port stays as it is.
mask_remove 1 0
rmdir "$portal/acls/$(colons "$(wwpn 1)")"
told 1 0 DID_SOFT_ERROR
rport_is 1 Online || fail "initiator 1 sees the target $(cat "$(rport 1)/port_state")"
