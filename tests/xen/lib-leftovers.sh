# shellcheck shell=bash
# What is in use in dom0, to be counted before and after. Sourced by lib.sh.

# Grants of other domains that dom0 has mapped, out of the hypervisor's own tables.
count_grants() {
    # The console ring is not emptied by this: a case's log of the hypervisor stays.
    xl debug-keys g
    xl dmesg | awk '/gnttab_usage_print_all \[/ { n = 0 } /^\(XEN\) \[0x.*\] / && $0 !~ /pin=00000000/ { n++ } END { print n + 0 }'
}
count_event_channels() { "$(echo /usr/lib/xen-[0-9]*/bin/lsevtchn)" 0 | wc -l; }
# What stands for something outside of the daemon: devices, disk images, sockets. Its own io_uring,
# made with the first disk and kept, does not.
count_daemon_fds() { find "/proc/$BED_DAEMON/fd" -mindepth 1 -printf '%l\n' 2>/dev/null | grep -cv '^anon_inode:'; }
count_daemon_maps() { grep -c gntdev "/proc/$BED_DAEMON/maps"; }
# The kernel's own workers for the io_uring come and go.
count_daemon_threads() { cat "/proc/$BED_DAEMON"/task/*/comm 2>/dev/null | grep -cv '^iou-'; }
count_nodes() { xenstore-ls /local/domain/0/backend/vscsi 2>/dev/null | wc -l; }
count_domains() { xl list | tail -n +2 | wc -l; }

# What is in use; the daemon has to run.
in_use() {
    echo "grants $(count_grants)"
    echo "event channels $(count_event_channels)"
    echo "the daemon's fds $(count_daemon_fds)"
    echo "the daemon's mappings $(count_daemon_maps)"
    echo "the daemon's threads $(count_daemon_threads)"
    echo "backend nodes $(count_nodes)"
    echo "domains $(count_domains)"
}
in_use_begin() { in_use >/tmp/in-use.before; }
in_use_is_as_before() { in_use >/tmp/in-use.now; cmp -s /tmp/in-use.before /tmp/in-use.now; }
expect_no_leftovers() {
    wait_until $((20 * BED_FACTOR)) in_use_is_as_before || {
        diff /tmp/in-use.before /tmp/in-use.now
        fail "something is left over (< before, > now)"
    }
    tr '\n' ';' </tmp/in-use.now
    echo
}
