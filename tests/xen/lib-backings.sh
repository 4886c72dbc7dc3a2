# shellcheck shell=bash disable=SC2154
# One backing of each kind that the daemon opens by itself: an image file, a logical volume, a SCSI disk. Sourced by the
# cases that need them, after lib.sh.

# three_backings SIZE [scsi_debug options]: sets image, volume and scsi_disk to their PDEV, each of SIZE, such as 16M
three_backings() {
    local loop size=$1
    shift
    image=$(image_file disk.img "$size")
    modprobe -a loop dm_mod || fail "no loop device or device mapper"
    truncate -s $((${size%M} + 8))M "$scratch/pv.img"
    loop=$(losetup -f --show "$scratch/pv.img") || fail "no loop device"
    volume_loop=$loop volume=/dev/bed/disk
    must lvm_quietly pvcreate "$loop"
    must lvm_quietly vgcreate bed "$loop"
    must lvm_quietly lvcreate -n disk -L "$size" -Zn -Wn bed
    [ -b $volume ] || must vgmknodes
    at_end volume_gone
    scsi_debug dev_size_mb="${size%M}" "$@"
    scsi_disk=${debug_nodes[0]}
}
volume_gone() {
    lvchange -an $volume
    losetup -d "$volume_loop"
}
lvm_quietly() { "$@" -q --config 'devices { use_devicesfile=0 } activation { udev_sync=0 udev_rules=0 }' 2>&1; }
disk_of() { echo "/dev/$(basename "/sys/class/scsi_generic/${1##*/}/device/block/"*)"; } # SG NODE: its /dev/sdX
