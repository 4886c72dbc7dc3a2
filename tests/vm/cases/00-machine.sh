# shellcheck shell=bash
# The machine itself: the kernel's SCSI subsystem, a simulated disk and the tools work.
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
scsi_debug dev_size_mb=8
must sg_inq "${debug_nodes[0]}"
must sg_readcap "${debug_nodes[0]}"
lsscsi -g
scsi_debug_unload
