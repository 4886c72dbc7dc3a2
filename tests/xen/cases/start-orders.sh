# what: the daemon starts after the guest is up, after the guest has waited, with xen-scsiback loaded in dom0
# seconds: 400
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

# What the daemon has when nobody needs it; another one is started each time.
modprobe xen-scsiback
daemon_start
in_use_begin
daemon_stop

# The kernel's backend is there and takes what is offered to it first: ours never is.
must pvscsictl create --no-wait "$(guest_config g1 "$(image_file disk.img 16M),0:0:0:0")"
guest_wait_ready g1
guest_run g1 'has_lun 0:0:0:0' && fail "a LUN without a daemon"
# The guest's driver has written its ring and waits.
wait_until $((20 * BED_FACTOR)) node_is "$(front_path g1)/state" 3 || fail "the frontend is in $(node "$(front_path g1)/state")"
node_is "$(back_path g1)/state" 2 || fail "xen-scsiback has taken the device: $(node "$(back_path g1)/state")"
daemon_start
expect_lun g1 0:0:0:0 connected
guest_must g1 'wait_lun 0:0:0:0; verify_fio $(disk 0:0:0:0) --rw=randwrite --bs=4k --iodepth=4 --size=1m'
expect_guest_quiet g1

# A device that the guest gets while it runs, and the daemon after it.
daemon_stop
guest_destroy g1
guest_start_bare g2
must pvscsictl attach --no-wait g2 "$(image_file other.img 16M),0:0:0:0"
daemon_start
expect_lun g2 0:0:0:0 connected
guest_must g2 'wait_lun 0:0:0:0; verify_fio $(disk 0:0:0:0) --rw=randwrite --bs=4k --iodepth=4 --size=1m'
expect_guest_quiet g2
guest_destroy g2
expect_no_leftovers
daemon_stop
rmmod xen-scsiback || fail "xen-scsiback is in use"
