# shellcheck shell=bash
# What is in use in dom0, to be counted before and after. Sourced by lib.sh.

# Grants of other domains that dom0 has mapped, out of the hypervisor's own tables.
count_grants() {
    # The console ring is not emptied by this: a case's log of the hypervisor stays.
    xl debug-keys g
    xl dmesg | awk '/gnttab_usage_print_all \[/ { n = 0 } /^\(XEN\) \[0x.*\] / && $0 !~ /pin=00000000/ { n++ } END { print n + 0 }'
}
count_event_channels() { "$(echo /usr/lib/xen-[0-9]*/bin/lsevtchn)" 0 | wc -l; }
# What stands for something outside of the daemon: devices, disk images, sockets.
count_daemon_fds() { find "/proc/$BED_DAEMON/fd" -mindepth 1 -printf '%l\n' 2>/dev/null | grep -cv '^anon_inode:'; }
# The others that are too many, a line `KIND NUMBER` each. What a thread makes when it first has a use for it is kept: a
# loop's epoll, timerfd and eventfd of the control thread and of each data worker, and a worker's io_uring with its eventfd.
count_daemon_anonymous() {
    local workers
    workers=$(cat "/proc/$BED_DAEMON"/task/*/comm 2>/dev/null | grep -c '^pvscsi-data-')
    find "/proc/$BED_DAEMON/fd" -mindepth 1 -printf '%l\n' 2>/dev/null | awk -v workers="$workers" '
        function least(a, b) { return a < b ? a : b }
        sub(/^anon_inode:/, "") { count[/^\[(eventpoll|eventfd|timerfd|io_uring)\]$/ ? substr($0, 2, length($0) - 2) : "other"]++ }
        END {
            loops = least(count["eventpoll"] + 0, 1 + workers)
            rings = least(count["io_uring"] + 0, workers)
            print "epoll", count["eventpoll"] - loops
            print "timerfd", count["timerfd"] - loops
            print "eventfd", count["eventfd"] - loops - rings
            print "io_uring", count["io_uring"] - rings
            print "other", count["other"] + 0
        }'
}
count_state_files() { find /run/pvscsi -type f \( -name '*.ring' -o -name '*.unit' -o -name '*.trace' \) 2>/dev/null | wc -l; }
count_daemon_maps() { grep -c gntdev "/proc/$BED_DAEMON/maps"; }
# The kernel's own workers for the io_uring come and go.
count_daemon_threads() { cat "/proc/$BED_DAEMON"/task/*/comm 2>/dev/null | grep -cv '^iou-'; }
# Of both ends, and what dom0 notes of vhosts.
count_nodes() { xenstore-ls -f / 2>/dev/null | grep -c 'vscsi/'; }
count_processes() { wc -l </sys/fs/cgroup/case/cgroup.procs; } # of the case
count_domains() { xl list | tail -n +2 | wc -l; }

# What is in use: in dom0, and of the daemon if one runs.
in_use() {
    local kind count
    echo "grants $(count_grants)"
    echo "event channels $(count_event_channels)"
    echo "nodes $(count_nodes)"
    echo "processes $(count_processes)"
    echo "domains $(count_domains)"
    [ -n "$BED_DAEMON" ] || return 0
    echo "the daemon's fds $(count_daemon_fds)"
    echo "the daemon's mappings $(count_daemon_maps)"
    echo "state files $(count_state_files)"
    echo "the daemon's threads $(count_daemon_threads)"
    while read -r kind count; do echo "the daemon's own $kind $count"; done < <(count_daemon_anonymous)
}
in_use_begin() { in_use >/tmp/in-use.before; }
# With a guest up: what is to be gone afterwards is seen when it is there. What the daemon has for itself need not be more.
expect_in_use() {
    in_use >/tmp/in-use.now
    local before now
    while read -r -u 3 before && read -r -u 4 now; do
        [ "${now##* }" -gt "${before##* }" ] || [[ $now == "the daemon's "@(threads|own)" "* ]] || fail "not seen with a guest: $now"
    done 3</tmp/in-use.before 4</tmp/in-use.now
}
in_use_is_as_before() { in_use >/tmp/in-use.now; cmp -s /tmp/in-use.before /tmp/in-use.now; }
expect_no_leftovers() {
    wait_until $((20 * BED_FACTOR)) in_use_is_as_before || {
        diff /tmp/in-use.before /tmp/in-use.now
        fail "something is left over (< before, > now)"
    }
    tr '\n' ';' </tmp/in-use.now
    echo
}
