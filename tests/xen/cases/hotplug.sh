# what: 51 LUNs (image file, logical volume, SCSI disk) added and removed while another one carries verified I/O; the only one detached; a busy one removed; one that cannot be opened fails alone
# seconds: 500
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh
# shellcheck source=tests/xen/lib-backings.sh
. /job/lib-backings.sh

three_backings 8M
daemon_start
in_use_begin
guest_start g1 "$(image_file stays.img 32M),0:0:0:0"
expect_lun g1 0:0:0:0 connected
guest_must g1 'wait_lun 0:0:0:0'
# At a pace that leaves the emulated processors time for what this is about.
guest_begin g1 'verify_until_stopped $(disk 0:0:0:0) --rw=randwrite --bs=16k --iodepth=4 --size=2m --rate_iops=50 --max_latency='$((5 * BED_FACTOR))'s'
verify=$guest_job
for round in {1..17}; do
    attach g1 "$image,0:0:1:0" "$volume,0:0:1:1" "$scsi_disk,0:0:1:2" >/dev/null
    guest_must g1 'for lun in 0 1 2; do wait_lun 0:0:1:$lun && readable 0:0:1:$lun || exit 1; done'
    for lun in 0 1 2; do detach g1 0:0:1:$lun >/dev/null; done
    guest_must g1 'wait_for 20 has_luns 1'
done

# One that is in use goes all the same, and its user gets an error.
attach g1 "$scsi_disk,0:0:2:0"
guest_begin g1 'wait_lun 0:0:2:0; disk=$(disk 0:0:2:0); while dd if=$disk of=/dev/null bs=64k iflag=direct status=none; do :; done'
reader=$guest_job
guest_must g1 'wait_lun 0:0:2:0; read_before() { read -r _ _ sectors _ </sys/block/$(basename $(disk 0:0:2:0))/stat; [ $sectors -gt 20000 ]; }; wait_for 60 read_before'
detach g1 0:0:2:0
guest_must g1 'wait_for 20 has_no_lun 0:0:2:0'
guest_end g1 "$reader" || fail "the reader of the removed LUN did not end"

# One that cannot be opened: refused by the toolstack, and, where that is not asked, failed alone.
echo >"$scratch/small"
pvscsictl attach g1 "file:$scratch/small,0:0:3:0" >/tmp/said 2>&1 && fail "a file without a block was attached"
grep -q "$scratch/small" /tmp/said || { cat /tmp/said; fail "it is not said which file was refused"; }
failed=$(back_path g1)/vscsi-devs/dev-900
must xenstore-write "$failed/p-dev" file:/nowhere "$failed/v-dev" 0:0:3:0 "$failed/mode" w "$failed/state" 1 "$(back_path g1)/state" 7
wait_until $((20 * BED_FACTOR)) node_is "$failed/state" 6 || fail "a LUN without a file is in $(node "$failed/state")"
wait_until $((20 * BED_FACTOR)) node_is "$(back_path g1)/state" 4 || fail "the vhost is in $(node "$(back_path g1)/state")"
node "$failed/error" | grep /nowhere || fail "its error names no file"
expect_lun g1 0:0:3:0 failed
expect_lun g1 0:0:0:0 connected
guest_must g1 'touch /tmp/stop'
guest_end g1 "$verify" || fail "the other LUN's I/O"
expect_guest_quiet g1

# The only LUN goes; its vhost stays, and takes the next one.
must xenstore-rm "$failed"
detach g1 0:0:0:0
guest_must g1 'wait_for 20 has_luns 0'
node_is "$(back_path g1)/state" 4 || fail "with its last LUN the vhost went to $(node "$(back_path g1)/state")"
attach g1 "$scsi_disk,0:0:0:0"
guest_must g1 'wait_lun 0:0:0:0 && readable 0:0:0:0'
guest_destroy g1
expect_no_leftovers
daemon_stop
