# shellcheck shell=bash
# The sg target by itself, on simulated disks that fail as they are told.
# seconds: 300
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
scsi_debug dev_size_mb=8 num_tgts=2
modprobe loop
export PVSCSI_SG_NODE=${debug_nodes[0]} PVSCSI_SG_OTHER=${debug_nodes[1]}
must /pvscsi/tests/vm/test-sg-live --durations yes
scsi_debug_unload
