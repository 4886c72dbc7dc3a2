# shellcheck shell=bash
# seconds: 600
# what: UNMAP, WRITE SAME, GET LBA STATUS, COMPARE AND WRITE on thin disks: scsi_debug, LIO, tgt
# shellcheck source=tests/scsi/guest/devices.sh
. /job/devices.sh
scsi_debug dev_size_mb=16 lbpu=1 lbpws=1 lbpws10=1 lbprz=1
lio_up
tgt_up
guest_up "${debug_nodes[0]}" "${lio_nodes[0]}" "$(tgt_disk)"
compare disk-scsi_debug thin "${debug_nodes[0]}" "$(disk 0)" &
jobs=($!)
compare disk-lio thin "${lio_nodes[0]}" "$(disk 1)" &
jobs+=($!)
compare disk-tgt thin "$(tgt_disk)" "$(disk 2)" &
jobs+=($!)
all_equal "${jobs[@]}"
grep -q '^as written' /tmp/compare.disk-scsi_debug.thin.guest/*.out || fail "nothing was written"
grep -q '^zeros' /tmp/compare.disk-scsi_debug.thin.guest/*.out || fail "nothing was unmapped"
guest_down
scsi_debug_unload
