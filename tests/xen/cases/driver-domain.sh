# what: a PV guest as driver domain: it serves memory and a file of its own to another guest, and ends under a third
# seconds: 600
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

# With /dev/xen/gntdev and evtchn, and without a frontend of its own. Its image is in its memory.
guest_memory=420 guest_lines='driver_domain = 1'
guest_extra="pvscsi.library pvscsi.noscsi"
daemon_start
in_use_begin
guest_start storage
driver=$(guest_id storage)
guest_memory=320 guest_lines='' guest_extra=''

# The same daemon, with that domain's rights. Its messages are in /run/pvscsid.log there.
storage_daemon() {
    guest_must storage 'mkdir -p /run/pvscsi /var/lib/pvscsi; rm -f /run/ready; mkfifo /run/ready
        setsid /pvscsi/backend/pvscsid --ready-fd 9 9>/run/ready >>/run/pvscsid.log 2>&1 </dev/null & echo $! >/run/pvscsid.pid
        timeout 60 head -n 1 /run/ready >/dev/null || { cat /run/pvscsid.log; exit 1; }'
}
storage_daemon
guest_must storage 'grep "this is a driver domain" /run/pvscsid.log; truncate -s 16M /run/there.img'
pdevs=("ram:8M" "file:/run/there.img")

# Who is to serve has to be there, and dom0 does not look for what is there.
pvscsictl check "ram:1M,0:0:0:0,nobody" && fail "an entry of a domain that is not there is right"
must pvscsictl check "file:/none.img,0:0:0:0,storage"

entries=()
for i in "${!pdevs[@]}"; do entries+=("${pdevs[i]},0:0:0:$i,storage"); done
guest_start g1 "${entries[@]}" "ram:8M,1:0:0:0"
back=/local/domain/$driver/backend/vscsi/$(guest_id g1)/0
wait_until $((30 * BED_FACTOR)) node_is "$back/state" 4 || { xenstore-ls -f "$back"; fail "the driver domain does not serve"; }
for i in "${!pdevs[@]}"; do
    expect_lun g1 "0:0:0:$i" connected
    guest_must g1 "wait_lun 0:0:0:$i; verify_fio \$(disk 0:0:0:$i) --rw=randwrite --bs=4k --iodepth=8 --size=4m"
done
guest_must g1 'wait_lun 1:0:0:0; verify_fio $(disk 1:0:0:0) --rw=randwrite --bs=4k --iodepth=8 --size=1m'
guest_must g1 'printf "%-512s" elsewhere | dd of=$(disk 0:0:0:1) bs=512 count=1 oflag=direct status=none'
guest_must storage '[ "$(head -c 9 /run/there.img)" = elsewhere ]'

# Comes and goes under verified I/O.
guest_begin g1 "rm -f /tmp/stop; verify_until_stopped \$(disk 0:0:0:1) --rw=randwrite --bs=4k --iodepth=8 --offset=1m --size=2m"
job=$guest_job
attach g1 "ram:4M,0:0:0:9,storage"
guest_must g1 'wait_lun 0:0:0:9; verify_fio $(disk 0:0:0:9) --rw=randwrite --bs=4k --iodepth=4 --size=1m'
detach g1 0:0:0:9
guest_must g1 'wait_for 20 has_no_lun 0:0:0:9'
# The driver domain's daemon is killed and started: the guest sees a pause.
guest_must storage 'kill -KILL "$(cat /run/pvscsid.pid)"'
storage_daemon
guest_must storage 'wait_for 30 grep "taken over luns" /run/pvscsid.log'
guest_must g1 'touch /tmp/stop'
guest_end g1 "$job" || fail "verify over hot add and a killed daemon"
for guest in g1 storage; do expect_guest_quiet $guest; done

# The guest ends: nothing is left, with anybody.
guest_destroy g1
[ -z "$(xenstore-ls "/local/domain/$driver/backend/vscsi" 2>/dev/null | grep -v '^$')" ] || {
    xenstore-ls -f "/local/domain/$driver/backend"
    fail "nodes are left below the driver domain"
}
guest_must storage 'wait_for 20 grep -c " gone" /run/pvscsid.log; ! grep -q gntdev /proc/"$(cat /run/pvscsid.pid)"/maps'

# The driver domain ends under another guest, as xl ends it: the list says so.
guest_start g2 "ram:8M,0:0:0:0,storage"
expect_lun g2 0:0:0:0 connected
must xl destroy storage
wait_until $((20 * BED_FACTOR)) lun_is g2 0:0:0:0 failed || { pvscsictl list; fail "it is not failed"; }
pvscsictl list | grep 'which served it, has ended' || fail "the reason is not told"
detach g2 0:0:0:0
guest_destroy g2
expect_no_leftovers
daemon_stop
