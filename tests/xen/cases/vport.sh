# what: a guest whose disks are behind a Fibre Channel port of its own, on a fabric in dom0: masked for it alone, verified I/O, link down and up; its port goes with it
# seconds: 400
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh
# shellcheck source=tests/npiv/guest/npiv.sh
. /job/npiv.sh

fabric_up
mask_add 1 0 0
mask_add 1 5 2
printf '[npiv]\nlinger = 2\nwait = 90\n' >/tmp/pvscsid.toml
daemon_start --config /tmp/pvscsid.toml
in_use_begin
port="vport=$(wwpn 1):$(wwnn 1)@$initiator"
guest_start g1 "fc.$target:0,0:0:0:0,$port" "fc.$target:5,0:0:0:1,$port"
expect_lun g1 0:0:0:1 connected
pvscsictl vport list
read -r _ _ name _ role _ < <(fabric_port "$(wwpn 1)")
[ "$name $role" = "$(wwnn 1) virtual" ] || fail "the fabric has not the guest's port: $(fabric list)"
guest_must g1 'wait_lun 0:0:0:1; for lun in 0 1; do sg_inq --page=0x80 $(generic 0:0:0:$lun); done' | tee /tmp/seen
grep -q 'serial number: .*npiv-0$' /tmp/seen && grep -q 'serial number: .*npiv-2$' /tmp/seen || fail "not the units that are masked for this port"

# The link is away for less than the target's dev_loss_tmo: the guest waits, and its data are right.
dev_loss 1 60
guest_begin g1 'verify_until_stopped $(disk 0:0:0:0):$(disk 0:0:0:1) --rw=randwrite --bs=4k --iodepth=8 --size=2m'
verify=$guest_job
guest_must g1 'has_written() { read -r _ _ _ _ writes _ </sys/block/$(basename $(disk 0:0:0:1))/stat; [ $writes -gt 200 ]; }; wait_for 60 has_written'
must ip link set fc-i down
rport_becomes 1 Blocked 30
sleep 5
must ip link set fc-i up
rport_becomes 1 Online 60
guest_must g1 'wait_for 60 readable 0:0:0:0 && wait_for 60 readable 0:0:0:1 && touch /tmp/stop'
guest_end g1 "$verify" || fail "the guest's I/O did not survive"
guest_destroy g1
gone() { ! vport 1 >/dev/null && ! logged_in "$(wwpn 1)"; }
wait_until $((30 * BED_FACTOR)) gone || fail "the guest's port stays: $(fabric list)"
expect_no_leftovers
daemon_stop
