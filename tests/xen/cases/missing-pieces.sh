# what: without gntdev, evtchn or xenstored the daemon says which piece is missing and what to do
# seconds: 240
# boot: own
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

refused() { # TEXT
    timeout $((20 * BED_FACTOR)) pvscsid >/tmp/said 2>&1
    local status=$?
    [ $status != 0 ] && [ $status != 124 ] || { cat /tmp/said; fail "the daemon ran without: $1 (status $status)"; }
    grep -q -- "$1" /tmp/said || { cat /tmp/said; fail "it does not name: $1"; }
    cat /tmp/said
}
# Xen's own daemons may hold a module: then its node is away, as it is without the module.
take_away() { rmmod "xen-$1" 2>/dev/null || must mv "/dev/xen/$1" /tmp/away; }
bring_back() {
    [ ! -e /tmp/away ] || must mv /tmp/away "/dev/xen/$1"
    modprobe "xen-$1"
}
for piece in gntdev evtchn; do
    take_away $piece
    refused "modprobe xen-$piece"
    bring_back $piece
done
# A limit that is reached is named on the vhost concerned. Linux' frontend gives that one up, and is served when there is
# room again and it is bound anew.
limit=/sys/module/xen_gntdev/parameters/limit
daemon_start
in_use_begin
guest_start_bare g1
usual=$(<$limit)
echo 0 >$limit
must pvscsictl attach --no-wait g1 ram:4M,0:0:0:0
limit_is_told() { node "$(back_path g1)/error" | grep xen_gntdev/parameters/limit; }
wait_until $((60 * BED_FACTOR)) limit_is_told || { pvscsictl list; fail "the limit of gntdev is not named: $(node "$(back_path g1)/error")"; }
echo "$usual" >$limit
guest_must g1 'echo vscsi-0 >/sys/bus/xen/drivers/vscsi/unbind; echo vscsi-0 >/sys/bus/xen/drivers/vscsi/bind
    wait_for 60 has_luns 1; lun=$(ls /sys/class/scsi_device); wait_lun $lun && readable $lun'
expect_lun g1 0:0:0:0 connected
node "$(back_path g1)/error" && fail "the error is still told"
guest_destroy g1
expect_no_leftovers
daemon_stop

# The store is reached by a socket or by the kernel's device.
kill "$(cat /run/xen/xenstored.pid)" || fail "xenstored has no process to end"
rm -f /run/xenstored/socket
remedy='systemctl status xenstored'
refused "$remedy" # the kernel's device is there, and does not answer
mv /dev/xen/xenbus /tmp/xenbus.away
refused "$remedy"
