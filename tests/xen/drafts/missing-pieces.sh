# what: without gntdev, evtchn or xenstored the daemon says which piece is missing and what to do
# seconds: 240
# boot: own
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

refused() { # TEXT
    timeout 20 pvscsid >/tmp/said 2>&1
    local status=$?
    [ $status != 0 ] && [ $status != 124 ] || { cat /tmp/said; fail "the daemon ran without: $1 (status $status)"; }
    grep -q -- "$1" /tmp/said || { cat /tmp/said; fail "it does not name: $1"; }
    cat /tmp/said
}
must rmmod xen-gntdev
refused 'modprobe xen-gntdev'
modprobe xen-gntdev
rmmod xen-evtchn || mv /dev/xen/evtchn /tmp/evtchn.away
refused 'modprobe xen-evtchn'
