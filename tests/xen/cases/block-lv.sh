# what: the same on a logical volume that lies on a loop device
# seconds: 300
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

modprobe loop
truncate -s 48M "$scratch/pv.img"
loop=$(losetup -f --show "$scratch/pv.img") || skip "no loop device: $(losetup -f 2>&1)"
volumes_gone() {
    lvchange -an /dev/bed/disk
    losetup -d "$loop"
}
lvm_quietly() { "$@" -q --config 'devices { use_devicesfile=0 } activation { udev_sync=0 udev_rules=0 }' 2>&1; }
modprobe dm_mod
must lvm_quietly pvcreate "$loop"
must lvm_quietly vgcreate bed "$loop"
must lvm_quietly lvcreate -n disk -l 100%FREE -Zn -Wn bed
[ -b /dev/bed/disk ] || must vgmknodes
trap 'case_logs; volumes_gone' EXIT

daemon_start
in_use_begin
guest_start g1 "/dev/bed/disk,0:0:0:0"
expect_lun g1 0:0:0:0 connected
guest_must g1 'wait_lun 0:0:0:0; sg_inq $(generic 0:0:0:0); file_system_check $(disk 0:0:0:0)'
guest_must g1 'verify_fio $(disk 0:0:0:0) --rw=randwrite --bs=4k --iodepth=16 --size=4m'
expect_guest_quiet g1
guest_destroy g1
expect_no_leftovers
daemon_stop
