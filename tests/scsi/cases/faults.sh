# shellcheck shell=bash
# what: the faults that scsi_debug injects: outcome and recovery
# seconds: 600
# shellcheck source=tests/scsi/guest/devices.sh
. /job/devices.sh
scsi_debug dev_size_mb=16 dif=1 dix=1
echo "${debug_nodes[0]}" >/tmp/faulty
guest_up "${debug_nodes[0]}"
healed() { knob every_nth 0; knob opts 0; wait_until 60 busy_is "${debug_nodes[0]}" 0; }
compare disk-scsi_debug faults "${debug_nodes[0]}" "$(disk 0)" healed || fail "faults have other outcomes"
knob ndelay 0
guest_down
wait_until 60 busy_is "${debug_nodes[0]}" 0 || fail "commands never left the device"
scsi_debug_unload
