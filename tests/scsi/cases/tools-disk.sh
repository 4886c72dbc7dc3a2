# shellcheck shell=bash
# what: sg3_utils on disks: scsi_debug, LIO, tgt, QEMU's behind lsi, virtio-scsi, megasas and mptsas
# seconds: 600
# shellcheck source=tests/scsi/guest/devices.sh
. /job/devices.sh
scsi_debug dev_size_mb=16 lbpu=1 lbpws=1 lbpws10=1 lbprz=1
lio_up
tgt_up
qemu_up sym53c8xx 3
qemu_up virtio_scsi 3
qemu_up megaraid_sas 1
qemu_up mptsas 1
names=(disk-scsi_debug disk-lio disk-tgt disk-qemu-lsi disk-qemu-virtio disk-qemu-mptsas disk-qemu-megasas)
natives=("${debug_nodes[0]}" "${lio_nodes[0]}" "$(tgt_disk)" "$(nodes sym53c8xx 0 | head -n1)"
    "$(nodes virtio_scsi 0 | head -n1)" "$(nodes mptsas)" "$(nodes megaraid_sas)")
# All commands on those that know most of them; of the others, what their adapters make of some.
lists=(disk disk adapter adapter adapter adapter adapter)
guest_up "${natives[@]:0:6}"
# What megasas can't carry, no unit of its vhost is sent.
must pvscsictl attach g "${natives[6]},1:0:0:0"
guests=("$(disk 0)" "$(disk 1)" "$(disk 2)" "$(disk 3)" "$(disk 4)" "$(disk 5)" /dev/pvscsi/1:0:0:0)
jobs=()
for unit in "${!natives[@]}"; do
    compare "${names[unit]}" "${lists[unit]}" "${natives[unit]}" "${guests[unit]}" &
    jobs+=($!)
done
all_equal "${jobs[@]}"
guest_down
scsi_debug_unload
