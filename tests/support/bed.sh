# shellcheck shell=bash
# Test bed for bash scripts: an embedded host and a backend daemon in a directory of their own.
#
#   . tests/support/bed.sh        BUILD names the build directory (default: build in the project)
#   bed_start [pvscsid options]   starts pvscsi-hostd and pvscsid, returns when both are ready
#   bed_ctl ARGS...               pvscsictl in this bed
#   bed_daemon_start [options]    pvscsid alone; bed_daemon_stop ends it, bed_daemon_kill does so
#                                 with SIGKILL and without a chance to clean up
#   bed_stop                      ends both; 1 if one of them died or did not end cleanly
#
# Afterwards: BED_DIR (the bed; sockets, BED_DIR/*.log), PVSCSI_HOST and XENSTORED_PATH exported,
# BED_HOSTD and BED_DAEMON (process ids). PATH finds the built programs first.
# BED_KEEP=1 leaves BED_DIR behind; it is left behind as well when something failed.
# Only processes started here are ended, by their id.

bed_project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$(cd "${BUILD:-$bed_project/build}" && pwd) || return 1
PATH=$BUILD/backend:$BUILD/backend/ctl:$BUILD/frontend/run:$BUILD/frontend/bench:$BUILD/common/hypervisor/host:$PATH
export BUILD PATH

BED_DIR=
BED_HOSTD=
BED_DAEMON=
BED_READY_SECONDS=${BED_READY_SECONDS:-30}
BED_STOP_SECONDS=${BED_STOP_SECONDS:-30}

bed_say() { echo "bed: $*" >&2; }

# bed_launch LOG COMMAND...: starts it in the background, waits for its line on --ready-fd and
# leaves its id in BED_PID. The end of the pipe tells that it died before it was ready.
bed_launch() {
    local log=$1 ready
    shift
    # shellcheck disable=SC2094  # the log is only written
    exec {ready}< <(exec "$@" --ready-fd 3 3>&1 >>"$log" 2>&1 </dev/null)
    BED_PID=$!
    if IFS= read -r -t "$BED_READY_SECONDS" -u "$ready" _; then
        exec {ready}<&-
        return 0
    fi
    exec {ready}<&-
    bed_say "'$*' did not become ready; the end of $log:"
    tail -n 20 "$log" >&2
    bed_end "$BED_PID" KILL
    BED_PID=
    return 1
}

# bed_end PID [SIGNAL]: ends a process of ours and waits for it; 1 if it did not end by itself
# with status 0 (a SIGKILL that we asked for is no failure).
bed_end() {
    local pid=$1 signal=${2:-TERM} status=0
    kill -s "$signal" "$pid" 2>/dev/null
    if ! timeout "$BED_STOP_SECONDS" tail --pid="$pid" -s 0.02 -f /dev/null; then
        bed_say "process $pid did not end within $BED_STOP_SECONDS s after SIG$signal; killed"
        kill -s KILL "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
        return 1
    fi
    wait "$pid" 2>/dev/null || status=$?
    [ "$signal" != KILL ] || return 0
    [ "$status" = 0 ] || bed_say "process $pid ended with status $status"
    [ "$status" = 0 ]
}

bed_daemon_start() {
    bed_launch "$BED_DIR/pvscsid.log" pvscsid --host "$BED_DIR" "$@" || return 1
    BED_DAEMON=$BED_PID
}

bed_daemon_stop() {
    local pid=$BED_DAEMON
    BED_DAEMON=
    [ -z "$pid" ] || bed_end "$pid"
}

bed_daemon_kill() {
    local pid=$BED_DAEMON
    BED_DAEMON=
    [ -z "$pid" ] || bed_end "$pid" KILL
}

bed_host_start() {
    BED_DIR=${BED_DIR:-$(mktemp -d "${TMPDIR:-/tmp}/pvscsi-bed.XXXXXX")}
    mkdir -p "$BED_DIR"
    export PVSCSI_HOST=$BED_DIR XENSTORED_PATH=$BED_DIR/xenstored
    bed_launch "$BED_DIR/hostd.log" pvscsi-hostd --dir "$BED_DIR" || return 1
    BED_HOSTD=$BED_PID
}

bed_start() {
    bed_host_start || return 1
    if ! bed_daemon_start "$@"; then
        bed_stop
        return 1
    fi
}

bed_ctl() { pvscsictl "$@"; }

bed_stop() {
    local failed=0 pid
    bed_daemon_stop || failed=1
    pid=$BED_HOSTD
    BED_HOSTD=
    if [ -n "$pid" ]; then
        bed_end "$pid" || failed=1
    fi
    if [ "$failed" = 0 ] && [ -z "${BED_KEEP:-}" ] && [ -n "$BED_DIR" ]; then
        rm -rf "$BED_DIR"
        BED_DIR=
    fi
    unset PVSCSI_HOST XENSTORED_PATH
    return "$failed"
}
