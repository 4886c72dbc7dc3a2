# what: no event channel left, in a driver domain and in a guest with our library: what bounds them is named, what has one goes on, one that is free again is used
# seconds: 400
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

highest_port() { # DOMAIN: that it has in use
    "$(echo /usr/lib/xen-[0-9]*/bin/lsevtchn)" "$1" | awk '$1 + 0 > most { most = $1 + 0 } END { print most }'
}
daemon_start
in_use_begin
# A driver domain that may have few more than its kernel takes for itself, which is 7.
guest_memory=420 guest_extra="pvscsi.library pvscsi.noscsi" guest_lines=$'driver_domain = 1\nmax_event_channels = 9'
guest_start storage
driver=$(guest_id storage)
kernels=$(highest_port "$driver")
echo "the kernel has ports up to $kernels"
guest_must storage 'mkdir -p /run/pvscsi /var/lib/pvscsi; mkfifo /run/ready
    setsid /pvscsi/backend/pvscsid --ready-fd 9 9>/run/ready >/run/pvscsid.log 2>&1 </dev/null &
    timeout 60 head -n 1 /run/ready >/dev/null || { cat /run/pvscsid.log; exit 1; }'

# Vhosts of a guest until there is no channel for the next one; the first carries verified I/O.
back() { echo "/local/domain/$driver/backend/vscsi/$(guest_id g1)/$1"; }
names_bound() { node "$(back "$1")/error" | grep -q max_event_channels=; }
is_decided() { node_is "$(back "$1")/state" 4 || names_bound "$1"; }
guest_memory=320 guest_extra='' guest_lines=''
guest_start g1 "ram:4M,0:0:0:0,storage"
guest_must g1 'wait_lun 0:0:0:0'
guest_begin g1 'verify_until_stopped $(disk 0:0:0:0) --rw=randwrite --bs=4k --iodepth=4 --size=1m --rate_iops=50'
verify=$guest_job
for last in {1..8}; do
    must pvscsictl attach --no-wait g1 "ram:4M,$last:0:0:0,storage"
    wait_until $((60 * BED_FACTOR)) is_decided "$last" || { xenstore-ls -f "$(back "$last")"; fail "vhost $last neither connects nor has an error"; }
    ! names_bound "$last" || break
done
names_bound "$last" || fail "there is no end of event channels"
[ "$last" -gt 1 ] || fail "there was one for a single vhost"
[ "$(highest_port "$driver")" = 9 ] || fail "the driver domain has ports up to $(highest_port "$driver")"
pvscsictl list g1
pvscsictl list g1 | grep -q max_event_channels= || fail "pvscsictl list does not say what bounds them"

# The next vhost gets one that is free again: the guest's driver gives up another connection, for a detached LUN leaves it.
guest_must g1 "echo vscsi-$((last - 1)) >/sys/bus/xen/drivers/vscsi/unbind; wait_for 60 has_luns $((last - 1))"
attach g1 "ram:4M,$((last + 1)):0:0:0,storage"
guest_must g1 "wait_for 200 has_luns $last && for lun in \$(ls /sys/class/scsi_device); do readable \$lun || exit 1; done"
guest_must g1 'touch /tmp/stop'
guest_end g1 "$verify" || fail "the I/O of the first vhost"
expect_guest_quiet g1
guest_destroy g1
must xl destroy storage

# Our library in a guest whose kernel has taken all that there are.
guest_extra="pvscsi.library pvscsi.noscsi" guest_lines="max_event_channels = $kernels"
guest_start g2 "ram:4M,0:0:0:0"
guest_run g2 'mkdir -p /run/pvscsi; pvscsi-run g2 --list' | tee /tmp/said
grep -q 'max_event_channels=' /tmp/said || fail "the library does not say what bounds them"
guest_destroy g2
expect_no_leftovers
daemon_stop
