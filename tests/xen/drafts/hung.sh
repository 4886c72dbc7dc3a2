# what: 1, 10 and 16 commands that hang: ABORT and RESET are answered, the other LUN goes on, the guest's error handler recovers the disks
# seconds: 400
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

scsi_debug dev_size_mb=16 num_tgts=3 statistics=1
daemon_start
guest_start g1 "${debug_nodes[0]},0:0:0:0" "${debug_nodes[1]},0:0:0:1" "${debug_nodes[2]},0:0:0:2"
expect_lun g1 0:0:0:2 connected
guest_must g1 'for lun in 0 1 2; do
        wait_lun 0:0:0:$lun
        echo '$((10 * BED_FACTOR))' >/sys/class/scsi_device/0:0:0:$lun/device/timeout
        dd if=$(disk 0:0:0:$lun) of=/dev/null bs=4k count=1 iflag=direct status=none || exit 1
    done'
busy_all() { echo $(($(busy "${debug_nodes[0]}") + $(busy "${debug_nodes[1]}"))); }
busy_all_is() { [ "$(busy_all)" = "$1" ]; }
# Linux gives a LUN 10 of the 16 slots, so that all of them take two LUNs.
for hung in 1 10 16; do
    second=$((hung > 10 ? hung - 10 : 0))
    # The knobs act on all of the module's disks.
    knob opts 4
    knob every_nth -1
    began=$SECONDS
    guest_begin g1 "hang() { fio --name=hung --filename=\$(disk \$1) --direct=1 --ioengine=libaio --rw=randread --bs=4k --iodepth=\$2 --thread --number_ios=\$2 --minimal >/tmp/hung.\$1 2>&1 || { tail -c 300 /tmp/hung.\$1; return 1; }; }
        [ $second = 0 ] || hang 0:0:0:1 $second & second=\$!
        hang 0:0:0:0 $((hung - second)) && wait \$second"
    job=$guest_job
    wait_until $((30 * BED_FACTOR)) busy_all_is $hung || fail "$(busy_all) commands at the devices, not $hung"
    knob every_nth 0
    knob opts 0
    # With all 16 slots taken it waits for the first that is given up.
    guest_must g1 'dd if=$(disk 0:0:0:2) of=/dev/null bs=64k count=32 iflag=direct status=none'
    echo "$hung hung: the other LUN served after $((SECONDS - began)) s"
    [ $hung = 16 ] || [ "$(busy_all)" = $hung ] || fail "the other LUN was served only when the first commands were given up"
    guest_end g1 "$job" || fail "$hung hung commands did not end well after the guest's error handling"
    echo "$hung hung: all ended after $((SECONDS - began)) s"
    guest_must g1 'for lun in 0 1 2; do dd if=$(disk 0:0:0:$lun) of=/dev/null bs=64k count=32 iflag=direct status=none || exit 1; done'
done
guest_must g1 'dmesg | grep -E "Disabling|illegal rqid|grant still in use|offline" && exit 1; dmesg | tail -n 5'
guest_destroy g1
daemon_stop
