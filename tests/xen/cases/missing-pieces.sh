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
# The store is reached by a socket or by the kernel's device.
kill "$(cat /run/xen/xenstored.pid)" || fail "xenstored has no process to end"
rm -f /run/xenstored/socket
mv /dev/xen/xenbus /tmp/xenbus.away
refused xenstored
