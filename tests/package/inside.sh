#!/bin/bash
# inside.sh booted|chroot: the life of the packages in /share/1 and, as an upgrade, /share/2, in the
# Debian that run.sh has made. Prints a line for each case, and `done`.
set -u
mode=$1
export PATH=/usr/sbin:/usr/bin:/sbin:/bin PVSCSI_HOST=/srv/host DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
names='pvscsi pvscsi-tools libpvscsi-frontend0 libpvscsi-frontend-dev'

# check NAME FUNCTION: a case; its output goes to the log.
check() {
    echo "--- $1" >&2
    if "$2" >&2; then echo "ok package-$1"; else echo "not ok package-$1"; fi
}
booted() { # NAME FUNCTION: the same, if there is a systemd
    if [ "$mode" = booted ]; then check "$@"; else echo "ok package-$1 # SKIP no container with systemd can be booted here"; fi
}
fail() {
    echo "FAIL: $*"
    return 1
}
until_true() { # SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}
files() { find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /share -o -path /srv -o -path /tmp -o -path '/var/log' \
    -o -path /var/lib/dpkg -o -path /var/lib/systemd -o -path /run/systemd -o -path /var/cache \) -prune -o -print | sort; }

installs() {
    dpkg -i /share/1/*.deb && dpkg --audit && pvscsictl --version &&
        dpkg -s $names | grep -c '^Status: install ok installed' | grep -qx 4
}
has_group() { getent group pvscsi; }
# Linux' own backend is not to be loaded for a vscsi node.
has_blacklist() { modprobe --showconfig | grep -x 'blacklist xen_scsiback'; }
# Here is no Xen: installed and enabled, but not started.
waits_for_xen() {
    [ "$(systemctl is-enabled pvscsid)" = enabled ] || fail "not enabled" || return
    systemctl start pvscsid || return
    [ "$(systemctl show -P ConditionResult pvscsid)" = no ] || fail "the condition holds without Xen" || return
    [ "$(systemctl is-active pvscsid)" = inactive ]
}

start_host() {
    mkdir -p /srv/host
    if [ "$mode" = booted ]; then
        systemd-run --quiet --unit=hostd pvscsi-hostd --dir /srv/host
    else
        pvscsi-hostd --dir /srv/host &
        hostd=$!
    fi
    until_true 10 test -S /srv/host/hypervisor
}
pid_of_daemon() { if [ "$mode" = booted ]; then systemctl show -P MainPID pvscsid; else echo "$daemon"; fi; }
serves() {
    start_host || return
    if [ "$mode" = booted ]; then
        # The embedded host is in Xen's place, and the watchdog is to bite within the test.
        mkdir -p /etc/systemd/system/pvscsid.service.d
        cat >/etc/systemd/system/pvscsid.service.d/embedded.conf <<TEXT
[Unit]
ConditionPathExists=
[Service]
Environment=PVSCSI_HOST=/srv/host
ExecStart=
ExecStart=/usr/sbin/pvscsid --config /etc/pvscsi/pvscsid.toml --state-dir /run/pvscsi
WatchdogSec=3
TEXT
        systemctl daemon-reload && systemctl start pvscsid && systemctl is-active pvscsid || return
    else
        pvscsid --config /etc/pvscsi/pvscsid.toml &
        daemon=$!
        until_true 10 pvscsictl stats || return
    fi
    truncate -s 64M /srv/disk.img
    printf 'name = "demo"\nvscsi = [ "file:/srv/disk.img,0:0:0:0", "ram:8M,1:0:0:0" ]\n' >/srv/demo.cfg
    pvscsictl create /srv/demo.cfg && pvscsictl list demo || return
    [ "$mode" != booted ] || until_true 5 journal_knows PVSCSI_VHOST=1/0 || { fail "the journal has no such field"; return; }
    pvscsi-run demo -- sg_inq /dev/pvscsi/0:0:0:0
}
owns_socket() {
    ls -l /run/pvscsi /srv/host/pvscsid
    [ "$(stat -c '%a %G' /srv/host/pvscsid/control)" = '660 pvscsi' ] && pvscsictl stats
}
sandboxed() {
    local status
    status=$(cat "/proc/$(pid_of_daemon)/status")
    grep -E '^(Seccomp|NoNewPrivs|Cap)' <<<"$status"
    grep -qP '^Seccomp:\t2' <<<"$status" || fail "no system call filter" || return
    grep -qP '^NoNewPrivs:\t1' <<<"$status" || fail "it may get new privileges" || return
    # CAP_DAC_OVERRIDE 1, CAP_SYS_RAWIO 17, CAP_SYS_ADMIN 21
    grep -qP '^CapBnd:\t0000000000220002' <<<"$status" || fail "other capabilities" || return
    systemd-analyze security --no-pager --threshold=20 pvscsid.service
}
# Load that is verified, all the time while CHANGE is done to the daemon: then another one goes on
# with the same ring, and no command fails.
under_load() { # CHANGE...
    local before now bench count start
    before=$(pid_of_daemon)
    count=$(connections "$before")
    pvscsi-bench demo 0:0:0:0 --rw randrw --verify --runtime 100 --iodepth 8 --size 16m --json >/tmp/bench.json &
    bench=$!
    until_true 10 has_connected "$before" $((count + 1)) || { fail "no load"; return; }
    reads_on || { fail "the load does not begin"; return; }
    start=${EPOCHREALTIME/./}
    "$@" || { fail "status $? of $*"; return; }
    until_true 20 another_than "$before" || { fail "still the same daemon"; return; }
    now=$(pid_of_daemon)
    until_true 10 logged "$now" 'vhost=1/0 taken over' || { fail "the ring was not kept"; return; }
    reads_on || { fail "the load does not go on"; return; }
    start=$(((${EPOCHREALTIME/./} - start) / 1000))
    kill -INT $bench
    wait $bench || { cat /tmp/bench.json; fail "the load failed"; return; }
    grep -E '"(errors|verified_blocks|seconds)"' /tmp/bench.json
    grep -qE '"verified_blocks": *[1-9]' /tmp/bench.json || { fail "nothing was verified"; return; }
    awk -v least=$start '/"seconds":/ { if ($2 * 1000 < least) exit 1 }' /tmp/bench.json || fail "it was no load all of the $start ms"
}
journal_knows() { journalctl -q _PID="$(pid_of_daemon)" "$1" | grep -q .; } # FIELD=VALUE
logged() { journalctl -q _PID="$1" | grep -q "$2"; } # PID TEXT
# The load reads only after it has filled the unit; the first that stats names.
bytes_read() { pvscsictl stats --json | grep -o '"read_bytes": *[0-9]*' | grep -o '[0-9]*$' | head -n 1; }
has_read() { [ "$(bytes_read)" -ge "$1" ]; }
reads_on() { until_true 20 has_read $(($(bytes_read) + 1048576)); }
connections() { journalctl -q _PID="$1" | grep -c 'vhost=1/0 state=connected'; }
has_connected() { [ "$(connections "$1")" -ge "$2" ]; }
another_than() {
    local now
    now=$(pid_of_daemon)
    [ "$now" != "$1" ] && [ "$now" != 0 ] && systemctl is-active --quiet pvscsid
}
restarts() { under_load systemctl restart pvscsid; }
is_killed() { under_load systemctl kill -s KILL pvscsid; }
is_watched() {
    under_load systemctl kill -s STOP pvscsid && journalctl -q -u pvscsid | grep 'Watchdog timeout'
}
reloads() {
    local before
    before=$(pid_of_daemon)
    systemctl reload pvscsid && [ "$(pid_of_daemon)" = "$before" ] && [ "$(systemctl is-active pvscsid)" = active ] || return
    # A mistake changes nothing, and does not end it.
    echo '[daemon' >>/etc/pvscsi/pvscsid.toml
    systemctl reload pvscsid
    sed -i '$d' /etc/pvscsi/pvscsid.toml
    until_true 5 logged "$before" 'settings stay as they were' && [ "$(systemctl is-active pvscsid)" = active ]
}
# Wrong settings: not started over and over.
gives_up() {
    echo '[daemon' >>/etc/pvscsi/pvscsid.toml
    systemctl stop pvscsid
    ! systemctl start pvscsid || fail "started with wrong settings" || return
    [ "$(systemctl is-active pvscsid)" = failed ] || fail "it is tried again" || return
    [ "$(systemctl show -P ExecMainStatus pvscsid)" = 2 ] || return
    sed -i '$d' /etc/pvscsi/pvscsid.toml
    systemctl start pvscsid && [ "$(systemctl is-active pvscsid)" = active ]
}
upgrades() {
    if [ "$mode" = booted ]; then
        under_load dpkg -i /share/2/*.deb || return
    else
        dpkg -i /share/2/*.deb || return
    fi
    dpkg -s pvscsi | grep '^Version: .*+upgrade$' && pvscsi-run demo -- sg_turs -v /dev/pvscsi/0:0:0:0
}
stop() {
    pvscsictl destroy demo
    if [ "$mode" = booted ]; then
        systemctl stop pvscsid hostd
    else
        kill "$daemon" && wait "$daemon" && kill "$hostd" && wait "$hostd"
    fi
}
is_removed() {
    stop || fail "it does not end cleanly"
    # What define leaves behind is the package's as well.
    mkdir -p /etc/pvscsi/domains.d && ln -s /srv/demo.cfg /etc/pvscsi/domains.d/demo.cfg
    dpkg --remove $names && test -e /etc/pvscsi/pvscsid.toml
}
is_purged() {
    dpkg --purge $names || return
    rm -rf /etc/systemd/system/pvscsid.service.d
    files >/tmp/after
    ! diff /tmp/before /tmp/after | grep '^>' | grep -vE '/etc/(group|gshadow|passwd|shadow)-?$|__pycache__' || fail "this is left"
}

files >/tmp/before
check installs installs
check group has_group
check modprobe has_blacklist
booted waits-for-xen waits_for_xen
check serves serves
check control-socket owns_socket
booted sandbox sandboxed
booted restart-under-load restarts
booted kill-under-load is_killed
booted watchdog-under-load is_watched
booted reload reloads
booted wrong-settings gives_up
check upgrade upgrades
check remove is_removed
check purge is_purged
[ "$mode" != booted ] || journalctl -q -u pvscsid --no-pager >&2
echo 'done'
