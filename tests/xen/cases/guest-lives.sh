# what: a guest paused, destroyed and crashed in mid-I/O on a file and a SCSI disk, with commands at the disk; nothing of it is left over
# seconds: 600
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

# Half a second for a command: the guest ends while the device still has some.
scsi_debug dev_size_mb=16 delay=125
daemon_start
in_use_begin
entries=("$(image_file disk.img 16M),0:0:0:0" "${debug_nodes[0]},0:0:0:1")
io='wait_lun 0:0:0:1; fio --name=io --filename=$(disk 0:0:0:0):$(disk 0:0:0:1) --direct=1 --ioengine=libaio --rw=randrw --bs=4k
    --iodepth=16 --thread --time_based --runtime=600 --size=32m'
io=${io//$'\n'/}
commands_at_disk() { wait_until $((20 * BED_FACTOR)) is_busy "${debug_nodes[0]}" || fail "no command at the disk"; }

in_flight='has_written() { read -r _ _ _ _ writes _ </sys/block/$(basename $(disk 0:0:0:1))/stat; [ $writes -gt 200 ]; }; wait_for 200 has_written'

guest_start g1 "${entries[@]}"
guest_begin g1 "${io/--name=io/--name=io --verify=crc32c --verify_backlog=64}; touch /tmp/ended"
guest_must g1 "wait_lun 0:0:0:1; $in_flight"
must xl pause g1
sleep 5
must xl unpause g1
guest_must g1 'writes() { read -r _ _ _ _ writes _ </sys/block/$(basename $(disk 0:0:0:1))/stat; echo $writes; }
    before=$(writes); more() { [ $(writes) -gt $((before + 200)) ]; }
    wait_for 200 more && [ ! -e /tmp/ended ] && readable 0:0:0:0 && readable 0:0:0:1'
expect_guest_quiet g1
commands_at_disk
must xl destroy g1
wait_until $((30 * BED_FACTOR)) guest_gone g1 || fail "the destroyed guest is still there"
expect_no_leftovers

guest_start g1 "${entries[@]}"
guest_begin g1 "$io"
guest_must g1 "wait_lun 0:0:0:1; $in_flight"
commands_at_disk
guest_begin g1 'echo c >/proc/sysrq-trigger'
wait_until $((60 * BED_FACTOR)) guest_gone g1 || fail "the crashed guest is still there"
expect_no_leftovers
daemon_stop
