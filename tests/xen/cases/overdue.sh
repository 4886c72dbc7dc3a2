# what: a command that outlasts the entry's timeout= is ended in dom0: the guest, with one processor, repeats it and goes on
# seconds: 240
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

# Answered with host code TIME_OUT it would have to call its error handler, which xen-scsifront
# cannot do with one processor: README.md, What was learned.
scsi_debug dev_size_mb=16
daemon_start
in_use_begin
guest_start g1 "${debug_nodes[0]},0:0:0:0,timeout=$((10 * BED_FACTOR))" "ram:4M,0:0:0:1"
expect_lun g1 0:0:0:1 connected
guest_must g1 '[ "$(cat /sys/devices/system/cpu/possible)" = 0 ] && wait_lun 0:0:0:0 && wait_lun 0:0:0:1 || exit 1
    echo 600 >/sys/class/scsi_device/0:0:0:0/device/timeout'
knob opts 4
knob every_nth -1
guest_begin g1 'dd if=$(disk 0:0:0:0) of=/dev/null bs=4k count=1 iflag=direct status=none'
job=$guest_job
wait_until $((20 * BED_FACTOR)) is_busy "${debug_nodes[0]}" || fail "no command came to the device"
# The other unit is served meanwhile.
guest_must g1 'dd if=$(disk 0:0:0:1) of=/dev/null bs=4k count=100 iflag=direct status=none'
is_busy "${debug_nodes[0]}" || fail "the command did not hang"
# Only it is to hang, not the repetition.
knob every_nth 0
knob opts 0
guest_end g1 "$job" || fail "the command did not end well"
guest_must g1 'dmesg | grep -iE "error handler|resetting|offline|Disabling device" && exit 1
    verify_fio $(disk 0:0:0:0) --rw=randwrite --bs=4k --iodepth=8 --size=1m'
guest_destroy g1
expect_no_leftovers
daemon_stop
