# shellcheck shell=bash
# This host's udev does not look into what a guest has, its partitions included, and does again when
# the guest has gone for good; links by the device's name are there all the time.
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
scsi_debug dev_size_mb=16 num_parts=1
disk=$(ls "/sys/class/scsi_generic/${debug_nodes[0]##*/}/device/block")
cp /job/pvscsi.rules /usr/lib/udev/rules.d/59-pvscsi.rules
mkdir -p /var/lib
must mkswap "/dev/${disk}1"
# What udev's rules make of a device: seen DEVICE-IN-SYSFS PROPERTY
seen() { udevadm test --action=change "/sys/class/block/$1" 2>/dev/null | grep -q "^$2"; }

looked_into() { seen "$disk" ID_PART_TABLE_TYPE=dos && seen "${disk}1" ID_FS_TYPE=swap; }
looked_into || { udevadm test "/sys/class/block/${disk}1"; fail "udev does not see the partition at all"; }
guest_up "/dev/$disk"
ln -s "$PVSCSI_HOST/units" /var/lib/pvscsi
ls -l /var/lib/pvscsi/devices.d
for device in "$disk" "${disk}1"; do
    seen "$device" GUEST_OF_PVSCSI=1 || fail "$device is not known to be a guest's"
    seen "$device" SYSTEMD_READY=0 || fail "$device can be used"
    seen "$device" 'ID_\(FS_TYPE\|PART_TABLE_TYPE\)=' && fail "udev has looked into $device"
done
seen "$disk" 'DEVLINKS=.*/dev/disk/' || fail "the disk has no links"

# A daemon that starts knows as little as one after a boot.
bed_daemon_stop && bed_daemon_start || fail "no restart"
seen "$disk" GUEST_OF_PVSCSI=1 || fail "forgotten by the restart"
must pvscsictl destroy g
wait_until 10 test ! -e "$(echo /var/lib/pvscsi/devices.d/*)" || fail "still kept from udev"
looked_into || fail "udev does not look again"
must bed_stop
trap - EXIT
scsi_debug_unload
