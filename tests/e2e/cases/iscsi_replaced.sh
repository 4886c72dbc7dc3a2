# Another unit under the LUN of before is not served: the guest's disk would be written over another's
# data.
tgt
truncate -s 16M disk
noise other 16M
before=$(checksum other)
tgt_target 1
tgt_lun 1 1 "$E2E_DIR/disk"
tgt_ctl --op update --mode logicalunit --tid 1 --lun 1 --params scsi_id="unit-of-the-guest"
tgt_open 1
host
guest demo "$(tgt_url 1 1),0:0:0:0"
mkfifo ready go
background pvscsi-run demo -- bash -c "
    sg_turs -n 2 $(node 0) >/dev/null; sg_turs $(node 0) && echo >ready && read -r _ <go
    for i in 1 2 3 4 5; do sg_dd if=/dev/zero of=$(node 0) bs=512 count=8 && exit 1; done; exit 0"
read -r _ <ready
tgt_kill
tgt_run
tgt_ctl --op new --mode target --tid 1 -T "$TGT_IQN:1"
tgt_ctl --op new --mode logicalunit --tid 1 --lun 1 -b "$E2E_DIR/other"
tgt_ctl --op update --mode logicalunit --tid 1 --lun 1 --params scsi_id="unit-of-another"
tgt_open 1
until_true 30 eval 'rows demo error | grep -q "another unit than before"' || fail "it is not said: $(rows demo error)"
echo >go
wait "$PID" || fail "it was written to"
[ "$(checksum other)" = "$before" ] || fail "another's data were changed"
