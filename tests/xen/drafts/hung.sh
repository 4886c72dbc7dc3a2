# what: commands that hang on a disk: ABORT and RESET are answered, the other LUN goes on, the guest recovers
# seconds: 400
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

scsi_debug dev_size_mb=16 num_tgts=2
daemon_start
guest_start g1 "${debug_nodes[0]},0:0:0:0" "${debug_nodes[1]},0:0:0:1"
expect_lun g1 0:0:0:1 connected
guest_must g1 'wait_lun 0:0:0:0; wait_lun 0:0:0:1; echo 5 >/sys/block/$(basename $(disk 0:0:0:0))/device/timeout
    dd if=$(disk 0:0:0:0) of=/dev/null bs=4k count=1 iflag=direct status=none'
for hung in 1 15; do
    knob opts 4
    knob every_nth -1
    guest_begin g1 "fio --name=hung --filename=\$(disk 0:0:0:0) --direct=1 --ioengine=libaio --rw=randread --bs=4k --iodepth=$hung --thread --number_ios=$hung --minimal >/tmp/hung.out 2>&1; status=\$?; tail -c 300 /tmp/hung.out; exit \$status"
    job=$guest_job
    wait_until 30 busy_is "${debug_nodes[0]}" "$hung" || fail "$(busy "${debug_nodes[0]}") commands at the device, not $hung"
    # The knobs act on all of the module's disks.
    knob every_nth 0
    knob opts 0
    guest_must g1 'time dd if=$(disk 0:0:0:1) of=/dev/null bs=64k count=32 iflag=direct status=none'
    guest_end g1 "$job" || fail "$hung hung commands did not end well after the guest's error handling"
    guest_must g1 'dd if=$(disk 0:0:0:0) of=/dev/null bs=64k count=32 iflag=direct status=none'
done
guest_must g1 'dmesg | grep -E "Disabling|illegal rqid|grant still in use|offline" && exit 1; dmesg | tail -n 5'
guest_destroy g1
daemon_stop
