# shellcheck shell=bash
# Two LUNs on one device: the second is refused, by whatever name it goes, and the first works.
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
scsi_debug dev_size_mb=16
node=${debug_nodes[0]}
block=/dev/$(ls "/sys/class/scsi_generic/${node##*/}/device/block")
guest_up "$node"
# Connected, so that the first could be harmed.
mkfifo /tmp/stay
as_guest bash -c 'echo here >/tmp/up; read -r _ </tmp/stay' &
guest=$!
wait_until 30 test -s /tmp/up || fail "the guest did not come up"
pvscsictl attach g "$block,0:0:0:1" >/tmp/attach 2>&1 && fail "one device was attached twice"
cat /tmp/attach
grep -q "uses it as 0:0:0:0" /tmp/attach || fail "the reason is not said"
must as_guest sg_dd if="$(disk 0)" of=/dev/null bs=512 count=64
echo >/tmp/stay
wait $guest
guest_down

# By the name of its block device it is the same device, passed through.
guest_up "$block"
as_guest sg_inq "$(disk 0)" | tee /tmp/inq
grep -q scsi_debug /tmp/inq || fail "not the device itself"
guest_down
scsi_debug_unload
