# shellcheck shell=bash
# what: 10,000 random CDBs for each type of device: all are answered, unit and daemon go on
# seconds: 400
# shellcheck source=tests/scsi/guest/devices.sh
. /job/devices.sh
seed=$(cat /job/seed) # what a device can't stand was found with the usual one
# At each of them what ends the kernel's device, or stops it for good, natively too (README.md).
send() { # NAME LUN EXCLUDED...
    timeout 120 /pvscsi/tests/scsi/scsi-random-cdbs g "0:0:0:$2" "$seed" 10000 "${@:3}" >"/tmp/random.$1" 2>&1
    local status=$?
    echo "--- $1 (status $status, $SECONDS s)"
    tail -n 30 "/tmp/random.$1"
    [ $status = 0 ] || { pvscsictl trace g "0:0:0:$2"; fail "seed $seed, $1: see above"; }
    kill -0 "$BED_DAEMON" || fail "seed $seed, $1: the daemon has ended"
    # The guest may have gone already.
    [[ $(lun_state "$2") =~ ^(connected|waiting)$ ]] || fail "seed $seed, $1: its state is $(lun_state "$2")"
}
down() {
    grep -a 'Sanitizer\|runtime error' "$BED_DIR/pvscsid.log" && fail "seed $seed: a sanitizer's report"
    guest_down
}
lio_up
guest_up "${lio_nodes[1]}"
send lio 0 5f/05
down
# Whatever was registered with it is not for the other cases.
sg_persist --no-inquiry --out --register-ignore --param-sark=0x1 "${lio_nodes[1]}" >/dev/null 2>&1
sg_persist --no-inquiry --out --clear --param-rk=0x1 "${lio_nodes[1]}" >/dev/null 2>&1
# A disk, and what says that it is a tape drive, a CD drive, a changer.
for type in 0 1 5 8; do
    scsi_debug dev_size_mb=16 lbpu=1 lbpws=1 lbpws10=1 lbprz=1 ptype=$type
    guest_up "${debug_nodes[0]}"
    send "scsi_debug-$type" 0 9e/12 42
    down
    scsi_debug_unload
done
