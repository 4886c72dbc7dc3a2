# what: an image file, a logical volume on a loop device and a SCSI disk (scsi_debug), in one guest: identity, capacity, mkfs, fill, fsck, checksums, fio verify; what an idle vhost costs
# seconds: 400
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh
# shellcheck source=tests/xen/lib-backings.sh
. /job/lib-backings.sh

three_backings 32M
daemon_start
in_use_begin
guest_start g1 "$image,0:0:0:0" "$volume,0:0:0:1" "$scsi_disk,0:0:0:2"
expect_lun g1 0:0:0:2 connected
expect_in_use
guest_must g1 'wait_lun 0:0:0:2; lsscsi -g; for lun in 0 1 2; do sg_inq $(generic 0:0:0:$lun); sg_readcap $(generic 0:0:0:$lun); done' | tee /tmp/seen
[ "$(grep -c 'Number of logical blocks=65536' /tmp/seen)" = 3 ] || fail "not all have their capacity"
grep -q 'Product identification: scsi_debug' /tmp/seen || fail "the guest does not see the device itself"
for lun in 0 1 2; do
    guest_must g1 "file_system_check \$(disk 0:0:0:$lun); sync"
    guest_must g1 "verify_fio \$(disk 0:0:0:$lun) --rw=randwrite --bs=4k --iodepth=16 --size=4m"
done
expect_guest_quiet g1
# What the guest has written is in what it was given.
backings=("$scratch/disk.img" "$volume" "$(disk_of "$scsi_disk")")
for lun in 0 1 2; do
    guest_must g1 "dd if=\$(disk 0:0:0:$lun) bs=1M iflag=direct status=none | sha256sum" >/tmp/guest.sum
    cmp /tmp/guest.sum <(sha256sum <"${backings[$lun]}") || fail "${backings[$lun]} has other contents"
done

# Connected and idle: how often a thread of the daemon woke up, which is the same on every machine, and what they have
# had of a processor, by the kernel's own clock, which counts what the machine below does meanwhile. It looks after its
# house every 5 s.
processor_ns() { awk '{ sum += $1 } END { printf "%.0f\n", sum }' "/proc/$BED_DAEMON/task/"*/schedstat; }
wake_ups() { awk '/^voluntary_ctxt_switches/ { sum += $2 } END { print sum }' "/proc/$BED_DAEMON/task/"*/status; }
sleep $((3 * BED_FACTOR))
ns=$(processor_ns) wakes=$(wake_ups)
sleep 20
ns=$(($(processor_ns) - ns)) wakes=$(($(wake_ups) - wakes))
echo "idle for 20 s: $((ns / 1000)) us of a processor, $wakes times awake"
[ $ns -le $((100000000 * BED_FACTOR)) ] || fail "an idle vhost takes $ns ns of 20 s" # one that looks all the time takes 20 s
[ $wakes -le 60 ] || fail "an idle vhost is awake $wakes times in 20 s"
guest_destroy g1
expect_no_leftovers
daemon_stop
