# what: 1, 10 and 16 commands that hang: their time is over, ABORT and RESET are answered, they are repeated; another LUN goes on
# seconds: 400
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

scsi_debug dev_size_mb=16 num_tgts=5 statistics=1
daemon_start
in_use_begin
entries=()
for lun in 0 1 2 3 4; do entries+=("${debug_nodes[$lun]},0:0:0:$lun"); done
# With one processor Linux 6.1 stops for good when a command is answered while its error handler
# is at work: README.md, What was learned.
guest_cpus=2
guest_start g1 "${entries[@]}"
expect_lun g1 0:0:0:4 connected
limit=$((12 * BED_FACTOR))
guest_must g1 'for lun in 0 1 2 3 4; do
        wait_lun 0:0:0:$lun
        echo '$limit' >/sys/class/scsi_device/0:0:0:$lun/device/timeout
        dd if=$(disk 0:0:0:$lun) of=/dev/null bs=4k count=1 iflag=direct status=none || exit 1
    done'
busy_all() {
    local lun count=0
    for lun in 0 1 2 3; do count=$((count + $(busy "${debug_nodes[$lun]}"))); done
    echo $count
}
busy_all_is() { [ "$(busy_all)" = "$1" ]; }
# COMMANDS LUNS: Linux gives a LUN 10 of the 16 slots at most, and fewer when others want them.
for round in '1 0' '10 0' '16 0:1:2:3'; do
    read -r hung luns <<<"$round"
    # The knobs act on all of the module's disks.
    knob opts 4
    knob every_nth -1
    began=$SECONDS
    guest_begin g1 "disks=(); for lun in ${luns//:/ }; do disks+=(\$(disk 0:0:0:\$lun)); done
        for disk in \${disks[@]}; do
            fio --name=hung --filename=\$disk --direct=1 --ioengine=libaio --rw=randread --bs=4k --iodepth=10 --thread --number_ios=$((hung < 10 ? hung : 10)) --minimal >/tmp/hung.\${disk##*/} 2>&1 &
            jobs+=(\$!)
        done
        for job in \${jobs[@]}; do wait \$job || { tail -c 300 /tmp/hung.*; exit 1; }; done"
    job=$guest_job
    wait_until $limit busy_all_is "$hung" || fail "$(busy_all) commands at the devices, not $hung"
    knob every_nth 0
    knob opts 0
    # With all 16 slots taken it waits for the first that is given up.
    guest_must g1 'dd if=$(disk 0:0:0:4) of=/dev/null bs=64k count=32 iflag=direct status=none'
    echo "$hung hung: the other LUN served after $((SECONDS - began)) s"
    [ "$hung" = 16 ] || [ "$(busy_all)" = "$hung" ] || fail "the other LUN was served only when the first commands were given up"
    guest_seconds=$((limit * 4)) guest_end g1 "$job" || fail "$hung hung commands did not end well after the guest's error handling"
    echo "$hung hung: all ended after $((SECONDS - began)) s"
    guest_must g1 'for lun in 0 1 2 3 4; do dd if=$(disk 0:0:0:$lun) of=/dev/null bs=64k count=32 iflag=direct status=none || exit 1; done'
done
# A RESET from the guest, with commands that hang: they are repeated, and nothing waits for their time.
patience=$((limit * 2))
guest_must g1 'echo '$patience' >/sys/class/scsi_device/0:0:0:0/device/timeout'
knob opts 4
knob every_nth -1
guest_begin g1 'fio --name=hung --filename=$(disk 0:0:0:0) --direct=1 --ioengine=libaio --rw=randread --bs=4k --iodepth=4 --thread --number_ios=4 --minimal >/tmp/hung 2>&1 || { cat /tmp/hung; exit 1; }'
job=$guest_job
wait_until $limit busy_all_is 4 || fail "$(busy_all) commands at the device, not 4"
knob every_nth 0
knob opts 0
began=$SECONDS
guest_must g1 'sg_reset --device --no-esc $(generic 0:0:0:0)'
guest_end g1 "$job" || fail "hung commands did not end well after a RESET"
echo "RESET: all ended after $((SECONDS - began)) s"
[ $((SECONDS - began)) -lt $limit ] || fail "they have waited for their time"
guest_must g1 'dmesg | grep -E "Disabling device|illegal rqid|grant still in use|offline" && exit 1; dmesg | tail -n 5'
guest_destroy g1
expect_no_leftovers
daemon_stop
# The kernel keeps what was lost in the device until its time is over, and the device as long.
wait_until $((patience * 2)) busy_all_is 0 || fail "$(busy_all) commands are still at the devices"
