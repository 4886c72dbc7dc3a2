# pvscsi-run says what is wrong and what to do, and ends with 125.
refused 'no hypervisor: .*--host' pvscsi-run demo -- true
refused '' pvscsi-run --host "$E2E_DIR/none" demo -- true
host
refused "no domain 'nobody'.*pvscsictl list" pvscsi-run nobody -- true
[ "$STATUS" -eq 125 ] || fail "unknown domain: status $STATUS"
refused 'no command' pvscsi-run demo
config empty
bed_ctl create empty.cfg
refused "no SCSI devices.*vscsi=" pvscsi-run empty -- true
guest demo "ram:8M,0:0:0:0"
bed_daemon_stop
refused 'pvscsid' pvscsi-run --timeout 1 demo -- true
[ "$STATUS" -eq 125 ] || fail "no backend: status $STATUS"
bed_daemon_start
says '' as demo sg_turs "$(node 0)"
