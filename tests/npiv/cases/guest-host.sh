# shellcheck shell=bash
# what: a guest that is given all that a port of its own sees has what is there, what comes into the mask, and not what goes
# brief: yes
# seconds: 400
# shellcheck source=tests/npiv/guest/npiv.sh
. /job/npiv.sh
# shellcheck source=tests/npiv/guest/through.sh
. /job/through.sh
# shellcheck source=tests/npiv/guest/io.sh
. /job/io.sh

fabric_up
mask_add 1 0 0
mask_add 1 7 2
through_up
cat >/tmp/g1.cfg <<EOT
name = "g1"
type = "pv"
vscsi = [ 'vport:$(wwpn 1):$(wwnn 1)@$initiator,host' ]
EOT
must pvscsictl check /tmp/g1.cfg
must pvscsictl create /tmp/g1.cfg
wait_until 90 sees_luns 1 0 7 || fail "g1 sees: $(pvscsictl list g1)"
unit_is 1 0 0
unit_is 1 7 2
pvscsictl list g1

# It comes by itself: the kernel is had to look.
mask_add 1 9 3
wait_until 90 sees_luns 1 0 7 9 || fail "g1 sees: $(pvscsictl list g1)"
unit_is 1 9 3

# A target that is away takes nothing from the guest.
on 1 0 sg_dd if=NODE of=/dev/null bs=512 count=8 || fail "LUN 0 does not read"
dev_loss 1 2
ip link set fc-t down
lost() { [ -z "$(lun_nodes 1)" ]; }
wait_until 90 lost || fail "the units stay: $(lun_nodes 1)"
sleep 5
[ "$(pvscsictl list g1 --plain | wc -l)" = 3 ] || fail "LUNs have gone: $(pvscsictl list g1)"
ip link set fc-t up
wait_until 120 sees_luns 1 0 7 9 || fail "g1 sees: $(pvscsictl list g1)"
unit_is 1 7 2

# What has gone from the mask goes when the kernel is told so.
mask_remove 1 7
echo 1 >"/sys/class/scsi_generic/$(basename "$(node 1 7)")/device/delete"
wait_until 60 sees_luns 1 0 9 || fail "g1 sees: $(pvscsictl list g1)"
unit_is 1 9 3

# Another daemon goes on with it.
bed_daemon_kill
must bed_daemon_start --log-level info --config /tmp/pvscsid.toml --record-dir /tmp/records
wait_until 60 sees_luns 1 0 9 || fail "g1 sees: $(pvscsictl list g1)"
vport_is 1 Active || fail "the port is $(vport_state 1)"
initiator_down 1
