# what: the daemon is killed -9 20 times under verified writes, to a file and to a SCSI disk, and started again: the guest goes on with the same ring, and nothing is repeated while the dead daemon has it at the disk
# seconds: 600
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

# Each command takes a while, so that the daemon dies with some under way, there and in the kernel.
scsi_debug dev_size_mb=32 delay=5
daemon_start
in_use_begin
guest_start g1 "$(image_file disk.img 32M),0:0:0:0" "${debug_nodes[0]},0:0:0:1"
expect_lun g1 0:0:0:1 connected
guest_must g1 'wait_lun 0:0:0:0; wait_lun 0:0:0:1'
ring=$(node "$(front_path g1)/ring-ref")
guest_seconds=$((100 * BED_FACTOR))
guest_begin g1 'verify_until_stopped $(disk 0:0:0:0) --rw=randwrite --bsrange=4k-256k --iodepth=12 --size=24m --verify_backlog=24'
file_job=$guest_job
guest_begin g1 'verify_until_stopped $(disk 0:0:0:1) --rw=randwrite --bsrange=512-64k --blockalign=512 --iodepth=4 --size=1m --verify_backlog=16'
sg_job=$guest_job
for round in {1..20}; do
    sleep $((RANDOM % 2)).$((RANDOM % 10))
    wait_until $((20 * BED_FACTOR)) is_busy "${debug_nodes[0]}" || fail "round $round: no command at the disk"
    daemon_kill
    daemon_start
    wait_until $((20 * BED_FACTOR)) daemon_took_over "$round" || fail "round $round: the connection was not taken over"
    node_is "$(back_path g1)/state" 4 || fail "round $round: the backend is in $(node "$(back_path g1)/state")"
done
guest_must g1 'touch /tmp/stop'
guest_end g1 "$file_job" || fail "the file's data or commands went wrong"
guest_end g1 "$sg_job" || fail "the SCSI disk's data or commands went wrong"
[ "$(node "$(front_path g1)/ring-ref")" = "$ring" ] || fail "the guest has another ring"
grep -o 'taken over requests=[0-9]*' "$BED_DIR/pvscsid.log" | sort | uniq -c
# Killed between commands it would prove little.
[ "$(grep -c 'taken over requests=[1-9]' "$BED_DIR/pvscsid.log")" -ge 10 ] || fail "hardly ever was a command in flight when the daemon was killed"
expect_guest_quiet g1

# Commands that take seconds: the dead daemon's are over before any is repeated.
guest_begin_writes() {
    guest_begin g1 'verify_fio $(disk 0:0:0:1) --rw=randwrite --bs=4k --iodepth=4 --number_ios=4 --size=64k'
    slow_job=$guest_job
}
all_at_disk() { busy_is "${debug_nodes[0]}" 4; }
for round in 21 22; do
    knob delay 1500 # 6 s: less than the patience after which a device is reset
    guest_begin_writes
    wait_until $((20 * BED_FACTOR)) all_at_disk || fail "round $round: $(busy "${debug_nodes[0]}") commands at the disk, not 4"
    daemon_kill
    daemon_start
    for when in "began" "has run for a second"; do
        all_at_disk || fail "round $round: when the new daemon $when, $(busy "${debug_nodes[0]}") commands were at the disk: this shows nothing"
        ! daemon_took_over "$round" || fail "round $round: taken over with the dead daemon's commands at the disk"
        sleep 1
    done
    wait_until $((30 * BED_FACTOR)) daemon_took_over "$round" || fail "round $round: the connection was not taken over"
    wait_until $((30 * BED_FACTOR)) is_busy "${debug_nodes[0]}" || fail "round $round: nothing was repeated"
    wait_until $((30 * BED_FACTOR)) busy_is "${debug_nodes[0]}" 0
    knob delay 0
    guest_end g1 "$slow_job" || fail "round $round: the slow commands went wrong"
done
expect_guest_quiet g1

# In good order, as a service manager restarts it.
guest_begin g1 'verify_fio $(disk 0:0:0:0) --rw=randwrite --bs=4k --iodepth=8 --size=4m'
daemon_stop
node_is "$(back_path g1)/state" 4 || fail "SIGTERM closed the connection"
daemon_start
guest_end g1 || fail "after a restart in good order"
expect_guest_quiet g1
guest_destroy g1
expect_no_leftovers
daemon_stop
