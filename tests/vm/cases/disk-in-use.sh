# shellcheck shell=bash
# A disk that this host uses is not given to a guest: not by pvscsictl, which says so before it
# changes anything, and not by the daemon, which knows the domain's file.
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
scsi_debug dev_size_mb=16
node=${debug_nodes[0]}
block=/dev/$(ls "/sys/class/scsi_generic/${node##*/}/device/block")
must mkswap "$block"
must swapon "$block"

guest_up ram:1M
for name in "$block" "$node"; do
    pvscsictl check "$name,1:0:0:0" >/tmp/check 2>&1 && fail "it may be given: $name"
    cat /tmp/check
    grep -q 'this host uses it: swap' /tmp/check || fail "the reason is not said"
done
pvscsictl attach g "$node,1:0:0:0" && fail "it was attached"
pvscsictl devices | tee /tmp/devices
grep -q "$node .*swap" /tmp/devices || fail "it is not shown as used"
pvscsictl devices --free | grep -q "$node " && fail "it is shown as free"

# Whoever makes the domain.
printf 'name = "h"\nvscsi = [ "%s,0:0:0:0" ]\n' "$node" >/tmp/h.cfg
printf 'name = "h"\ntype = "pv"\n' >/tmp/bare.cfg
must pvscsictl define /tmp/h.cfg
must pvscsictl create /tmp/bare.cfg
told() { pvscsictl list h | grep -q "this host uses it: swap"; }
wait_until 30 told || fail "the daemon took it: $(pvscsictl list h)"
must swapoff "$block"
must pvscsictl destroy h
must pvscsictl create /tmp/h.cfg
pvscsi-run h -- sg_inq "$(disk 0)" | grep -q scsi_debug || fail "it is not given when it is free"
must pvscsictl destroy h
guest_down
scsi_debug_unload

# What is open for somebody alone leaves no trace in sysfs: here a guest has a partition of it.
scsi_debug dev_size_mb=16 num_parts=1
node=${debug_nodes[0]}
disk=$(ls "/sys/class/scsi_generic/${node##*/}/device/block")
guest_up "/dev/${disk}1"
for name in "$node" "/dev/$disk"; do
    pvscsictl check "$name,1:0:0:0" >/tmp/check 2>&1 && fail "it may be given: $name"
    cat /tmp/check
    grep -q "this host uses it: $disk is open for somebody alone" /tmp/check || fail "the reason is not said"
done
must pvscsictl destroy g
wait_until 10 pvscsictl check "$node,1:0:0:0" || fail "it is still taken for used"
must bed_stop
trap - EXIT
scsi_debug_unload
