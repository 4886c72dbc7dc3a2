# what: from the package file to a guest with its LUN: service under systemd; xl create, reboot, shutdown, destroy; daemon restarted, killed, upgraded; dom0 rebooted
# seconds: 600
# boot: systemd
# packages: yes
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

scratch=/srv
vdev=0:0:0:0
# What is typed and what is said to it; README.md shows the transcript that this makes.
at_dom0() { # COMMAND
    echo "dom0# $1" >>/job/transcript
    (cd /root && eval "$1") >>/job/transcript 2>&1 </dev/null || { tail /job/transcript; fail "status $? of: $1"; }
}
at_guest() { # COMMAND
    echo "web# $1" >>/job/transcript
    guest_run web "$1" >>/job/transcript || { tail /job/transcript; fail "status $? in the guest of: $1"; }
}
daemon_pid() { systemctl show -P MainPID pvscsid; }
another_daemon_than() {
    local pid
    pid=$(daemon_pid)
    [ "$pid" != "$1" ] && [ "$pid" != 0 ] && systemctl is-active --quiet pvscsid
}
said() { journalctl -q -u pvscsid | grep -q -- "$1"; }
# Verified I/O in the guest all the time while CHANGE is done to the daemon.
under_load() { # CHANGE...
    local before
    before=$(daemon_pid)
    guest_must web 'rm -f /tmp/stop'
    guest_begin web 'verify_until_stopped $(disk '$vdev') --rw=randwrite --bs=4k --iodepth=8 --offset=1m --size=4m'
    local verify=$guest_job
    guest_must web 'busy() { read -r _ _ _ _ writes _ </sys/block/$(basename $(disk '$vdev'))/stat; [ $writes -gt $((start + 100)) ]; }
        read -r _ _ _ _ start _ </sys/block/$(basename $(disk '$vdev'))/stat; wait_for 60 busy'
    must "$@"
    wait_until $((30 * BED_FACTOR)) another_daemon_than "$before" || fail "no other daemon after: $*"
    must journalctl -q -u pvscsid _PID="$(daemon_pid)" --no-pager -g 'taken over'
    guest_must web 'touch /tmp/stop'
    guest_end web "$verify" || fail "the guest's I/O during: $*"
    expect_guest_quiet web
}
nodes_gone() { ! xenstore-ls /local/domain/0/backend/vscsi 2>/dev/null | grep -q .; }
is_shut_down() { ! guest_exists web && nodes_gone; }

first_boot() {
    cp /job/packages/1/pvscsi_*.deb /root/
    truncate -s 64M /srv/web.img
    cp "$(guest_config web "file:/srv/web.img,$vdev")" /etc/xen/web.cfg
    at_dom0 'dpkg -i pvscsi_*.deb'
    at_dom0 'systemctl is-active pvscsid'
    at_dom0 'grep vscsi /etc/xen/web.cfg'
    at_dom0 'pvscsictl check /etc/xen/web.cfg'
    at_dom0 'xl create /etc/xen/web.cfg'
    guest_wait_ready web 1
    expect_lun web $vdev connected
    at_dom0 'pvscsictl list'
    guest_must web "wait_lun $vdev"
    at_guest 'lsscsi'
    at_guest 'echo precious | dd of=/dev/sda bs=512 conv=sync oflag=direct status=none'
    echo 'web# reboot' >>/job/transcript
    guest_begin web 'reboot -f'
    guest_wait_ready web 2
    expect_lun web $vdev connected
    guest_must web "wait_lun $vdev"
    at_guest 'head -c 8 /dev/sda'
    at_dom0 'pvscsictl list'

    systemd-analyze security --no-pager --threshold=20 pvscsid.service >/job/exposure || {
        cat /job/exposure
        fail "exposed more than 2.0"
    }
    tail -n 1 /job/exposure
    under_load systemctl restart pvscsid
    under_load systemctl kill -s KILL pvscsid
    under_load dpkg -i /job/packages/2/pvscsi_*.deb
    dpkg -s pvscsi | grep '^Version: .*+upgrade$' || fail "not upgraded"
    # The daemon is away while its guest ends and begins.
    must xl shutdown -w web
    wait_until $((30 * BED_FACTOR)) nodes_gone || fail "nodes of a domain that was shut down"
    must xl create /etc/xen/web.cfg
    guest_wait_ready web 3
    expect_lun web $vdev connected
    must xl destroy web
    wait_until $((30 * BED_FACTOR)) nodes_gone || fail "nodes of a domain that was destroyed"
    must xl create /etc/xen/web.cfg
    guest_wait_ready web 4
    expect_lun web $vdev connected
    at_dom0 'mkdir -p /etc/xen/auto; ln -s /etc/xen/web.cfg /etc/xen/auto/'
    echo 'dom0# reboot' >>/job/transcript
    sync
    touch /job/again
    systemctl reboot
    sleep 600
}
second_boot() {
    wait_until $((60 * BED_FACTOR)) guest_exists web || fail "xendomains has not brought the guest back"
    guest_note web
    expect_lun web $vdev connected
    guest_must web "wait_lun $vdev"
    at_dom0 'pvscsictl list'
    at_guest 'head -c 8 /dev/sda'
    guest_must web 'verify_fio $(disk '$vdev') --rw=randwrite --bs=4k --iodepth=8 --offset=1m --size=4m'
    expect_guest_quiet web
    must pvscsictl destroy web
    wait_until $((30 * BED_FACTOR)) nodes_gone || fail "nodes of a domain that was destroyed"
    must dpkg --purge pvscsi
    [ ! -e /etc/pvscsi ] && [ ! -e /var/lib/pvscsi ] || fail "something of the package is left"
    cat /job/transcript
    # README.md shows just this. Numbers, and the columns that they widen, are another matter.
    numberless() { sed -E 's/[0-9.]+/N/g; s/ +/ /g; s/ $//' "$1"; }
    diff <(numberless /job/readme-transcript) <(numberless /job/transcript) || fail "README.md has another transcript (<)"
}

if [ ! -e /root/rebooted ]; then
    touch /root/rebooted
    first_boot
else
    second_boot
fi
