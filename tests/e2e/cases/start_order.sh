# limit: 200
# The daemon may come before the guest, after it, and long after it.
disk disk.img 4M
BED_DIR=$E2E_DIR/bed
bed_host_start
guest demo "file:$DISK,0:0:0:0"
background pvscsi-run --timeout 60 demo -- sg_turs "$(node 0)"
runner=$PID
state_is() { store_is "/local/domain/$(domid demo)/device/vscsi/0/state" "$1"; }
until_true 20 state_is 3 || fail "the frontend does not get ready without a daemon"
bed_daemon_start
wait "$runner" || fail "the daemon came after the guest: $?"
says '' as demo sg_turs "$(node 0)"
bed_daemon_stop
background pvscsi-run --timeout 60 demo -- sg_turs "$(node 0)"
runner=$PID
sleep 3
bed_daemon_start
wait "$runner" || fail "the daemon came long after the guest: $?"
