# shellcheck shell=bash
# what: a LUN is added to an initiator's mask, removed from it, and given to another unit
# shellcheck source=tests/npiv/guest/npiv.sh
. /job/npiv.sh
# shellcheck source=tests/npiv/guest/native.sh
. "/job/${side:-native}.sh"
# shellcheck source=tests/npiv/guest/io.sh
. /job/io.sh
fabric_up
mask_add 1 0 0
mask_add 2 0 1
initiator_up 1 0
initiator_up 2 0
settled 1 0
settled 2 0

mask_add 1 3 2
told 1 0 'reported luns data has changed'
sees_luns 1 0 || fail "LUNs come by themselves here: $(lun_nodes 1)"
look_again 1 3
wait_until 20 sees_luns 1 0 3 || fail "initiator 1 sees: $(lun_nodes 1)"
unit_is 1 3 2
io 1 3
sees_luns 2 0 || fail "initiator 2 sees: $(lun_nodes 2)"
tur 2 0 || fail "initiator 2 is told of it, too"

mask_remove 1 3
settled 1 0
told 1 3 'logical unit not supported'
io 1 0
# Another unit at the number of one that was.
mask_add 1 3 3
settled 1 0
another_unit 1 3 3
# And one that nobody has asked for anything meanwhile.
mask_remove 1 3
mask_add 1 3 2
settled 1 0
another_unit 1 3 2
