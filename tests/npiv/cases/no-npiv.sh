# shellcheck shell=bash
# what: a fabric without NPIV, and with it again
# shellcheck source=tests/npiv/guest/npiv.sh
. /job/npiv.sh
# shellcheck source=tests/npiv/guest/native.sh
. "/job/${side:-native}.sh"
# shellcheck source=tests/npiv/guest/io.sh
. /job/io.sh
fabric_up
mask_add 1 0 0
initiator_up 1 0
must fabric npiv off
must fabric relogin sw-i
vport_becomes 1 'No Fabric Support'
# So is one that is made now.
must vport_create 2
vport_becomes 2 'No Fabric Support'
must fabric npiv on
must fabric relogin sw-i
vport_becomes 1 Active
vport_becomes 2 Active
initiator_down 2
io 1 0
