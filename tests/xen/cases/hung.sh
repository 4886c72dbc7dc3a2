# what: 1, 10 and 16 commands that hang: their time is over, a RESET is answered, they are repeated; another LUN goes on; a slow one ends long after its RESET was answered; 10 that the guest aborts
# seconds: 500
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

# Waits, which cost the case: `time_of_command`, for the guest to give a command up. It has to be enough for what is
# looked at before. Everything else is over as soon as it has happened, and is bounded by `limit`.
time_of_command=$((6 * BED_FACTOR)) limit=$((12 * BED_FACTOR))
scsi_debug dev_size_mb=16 num_tgts=6 statistics=1
printf '[inject]\nallow = true\n' >/tmp/pvscsid.toml
daemon_start --config /tmp/pvscsid.toml
in_use_begin
entries=()
for lun in {0..5}; do entries+=("${debug_nodes[$lun]},0:0:0:$lun"); done
entries+=("$(image_file held.img 16M),0:0:0:6")
# With one processor Linux 6.1 stops for good when a command is answered while its error handler
# is at work: README.md, What was learned.
guest_cpus=2
guest_start g1 "${entries[@]}"
expect_lun g1 0:0:0:6 connected
# The last LUN is never to hang.
read_all='for lun in 0 1 2 3 4 5; do dd if=$(disk 0:0:0:$lun) of=/dev/null bs=64k count=32 iflag=direct status=none || exit 1; done'
guest_must g1 'for lun in 0 1 2 3 4 5 6; do wait_lun 0:0:0:$lun; done
    for lun in 0 1 2 3 6; do echo '$time_of_command' >/sys/class/scsi_device/0:0:0:$lun/device/timeout; done
    '"$read_all"
echo "ready after $SECONDS s"

# How many commands are at each of LUN 0 to 4, without a process.
at_devices=()
look() {
    local lun
    for lun in {0..4}; do read -r "at_devices[$lun]" <"/sys/class/scsi_generic/${debug_nodes[$lun]##*/}/device/device_busy"; done
}
are_at_devices() { look; [ "${at_devices[*]}" = "$*" ]; } # NUMBER OF EACH LUN...
hang() {
    knob opts 4
    knob every_nth -1
}
hang_no_more() {
    knob every_nth 0
    knob opts 0
}
# guest_reads COMMANDS LUN...: in the guest, so many at once of each LUN; one process for all, for it takes as long to
# start as all the rest. reads_end [SECONDS]: the same, to its end.
guest_reads() {
    local depth=$1
    shift
    guest_begin g1 "jobs=(); for lun in $*; do jobs+=(--name=lun\$lun --filename=\$(disk 0:0:0:\$lun)); done
        fio --direct=1 --ioengine=libaio --rw=randread --bs=4k --iodepth=$depth --number_ios=$depth --thread --minimal \${jobs[@]} >/tmp/hung 2>&1 ||
            { tail -c 300 /tmp/hung; exit 1; }"
    reads=$guest_job
}
reads_end() { guest_seconds=${1:-$guest_seconds} guest_end g1 "$reads"; }

# A RESET from the guest, with commands that hang: they are repeated, and nothing waits for their time. What was
# lost stays in dom0's kernel until that is over, beside all that follows.
guest_must g1 'echo '$((limit * 2))' >/sys/class/scsi_device/0:0:0:4/device/timeout'
hang
guest_reads 4 4
wait_until $limit are_at_devices 0 0 0 0 4 || fail "${at_devices[*]} commands at the devices, not 4 at the last"
hang_no_more
lost=$SECONDS
guest_must g1 'sg_reset --device --no-esc $(generic 0:0:0:4)'
reads_end || fail "hung commands did not end well after a RESET"
echo "RESET: all ended after $((SECONDS - lost)) s"
[ $((SECONDS - lost)) -lt $limit ] || fail "they have waited for their time"

# ROUND: HOW MANY OF A LUN, LUNS. Linux gives a LUN 10 of the 16 slots at most, and fewer when others want them.
for round in '1 0' '10 1' '16 0 1 2 3'; do
    read -r hung luns <<<"$round"
    hang
    began=$SECONDS
    # shellcheck disable=SC2086 # a list of words
    guest_reads $((hung < 10 ? hung : 10)) $luns
    is_reached() {
        look
        [ $((at_devices[0] + at_devices[1] + at_devices[2] + at_devices[3])) = "$hung" ]
    }
    wait_until $limit is_reached || fail "${at_devices[*]} commands at the devices, not $hung"
    hang_no_more
    # With all 16 slots taken it waits for the first that is given up.
    guest_must g1 'dd if=$(disk 0:0:0:5) of=/dev/null bs=64k count=32 iflag=direct status=none'
    echo "$hung hung: the other LUN served after $((SECONDS - began)) s"
    [ "$hung" = 16 ] || is_reached || fail "the other LUN was served only when the first commands were given up"
    reads_end $((limit * 4)) || fail "$hung hung commands did not end well after the guest's error handling"
    echo "$hung hung: all ended after $((SECONDS - began)) s"
    guest_must g1 "$read_all"
done

# One that is only slow ends at the device when it has been answered for the RESET, and beside its
# repetition: the guest is told of one end.
wait_until $((limit * 4)) are_at_devices 0 0 0 0 0 || fail "${at_devices[*]} commands are still at the devices"
echo "what was lost was over after $((SECONDS - lost)) s"
guest_must g1 'dd if=$(disk 0:0:0:4) of=/tmp/quick bs=4k count=1 iflag=direct status=none'
knob delay $((time_of_command * 250))
guest_begin g1 'dd if=$(disk 0:0:0:4) of=/tmp/slow bs=4k count=1 iflag=direct status=none && cmp /tmp/quick /tmp/slow'
job=$guest_job
wait_until $limit are_at_devices 0 0 0 0 1 || fail "the slow command is not at the device: ${at_devices[*]}"
guest_must g1 'sg_reset --device --no-esc $(generic 0:0:0:4)'
wait_until $limit are_at_devices 0 0 0 0 2 || fail "${at_devices[*]} commands at the device, not the slow one and its repetition"
guest_end g1 "$job" || fail "the slow command did not end well"
wait_until $limit are_at_devices 0 0 0 0 0 || fail "it never ended at the device"
knob delay 0
guest_must g1 'verify_fio $(disk 0:0:0:4) --rw=randwrite --bs=4k --iodepth=8 --size=1m
    dmesg | grep -E "Disabling device|illegal rqid|grant still in use|offline" && exit 1; dmesg | tail -n 5'

# What dom0's kernel does not end is the guest's to abort: here commands that the daemon itself holds.
aborts() { # DONE GOOD WORST_MS of the flight recorder
    pvscsictl trace g1 0:0:0:6 --json >/tmp/trace || fail "no trace"
    tr -d ' \n' </tmp/trace | sed 's/{"sequence"/\n&/g' | awk '
        /"kind":"abort"/ {
            count++
            good += /"success":true/
            if (match($0, /"latency_ns":[0-9]+/)) ms = substr($0, RSTART + 13, RLENGTH - 13) / 1000000
            if (ms > worst) worst = ms
        }
        END { printf "%d %d %d\n", count, good, worst + 0.999 }'
}
must pvscsictl inject g1 0:0:0:6 opcode=read,count=10,drop
began=$SECONDS
guest_reads 10 6
guest_must g1 'dd if=$(disk 0:0:0:5) of=/dev/null bs=64k count=32 iflag=direct status=none'
reads_end $((limit * 4)) || fail "aborted commands did not end well"
echo "10 held: all ended after $((SECONDS - began)) s"
read -r count good worst < <(aborts)
echo "10 held: $count ABORTs, $good of them good, the slowest answered after $worst ms"
[ "$count" -ge 10 ] && [ "$good" = "$count" ] || { cat /tmp/trace; fail "not each of the 10 was aborted"; }
[ "$worst" -le $((1000 * BED_FACTOR)) ] || fail "an ABORT was answered after $worst ms"
guest_must g1 'dmesg | grep -E "Disabling device|illegal rqid|grant still in use|offline" && exit 1; dmesg | tail -n 5'
guest_destroy g1
expect_no_leftovers
daemon_stop
