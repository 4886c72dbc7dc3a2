# shellcheck shell=bash
# What cases share. A case runs in a shell of its own under "set -euo pipefail", with an embedded
# host in E2E_DIR/bed that ends with it; its commands' failure is the case's.
#
#   host [pvscsid options]     starts the embedded host and the daemon
#   guest NAME ENTRY...        creates a guest with these vscsi= entries
#   as NAME COMMAND...         runs a command as that guest
#   disk FILE SIZE             a sparse file
#   loop FILE SIZE [OPTION...] the same as a block device, LOOP (losetup's options)
#   node N                     /dev/pvscsi/0:0:0:N
#   tgt                        an iSCSI target (tests/support/tgt.sh)
#   driver_domain NAME         a domain that serves others, with a pvscsid of its own

. "$E2E_PROJECT/tests/support/bed.sh"

E2E_DIR=$(mktemp -d "${TMPDIR:-/tmp}/pvscsi-e2e.XXXXXX")
cd "$E2E_DIR" || exit 1
E2E_PIDS=()
E2E_LOOPS=()
E2E_DRIVERS=()

fail() {
    echo "FAIL: $*" >&2
    exit 1
}
skip() {
    echo "SKIP: $*"
    exit 77
}

# Ends what the case left running, then the bed; a bed that does not end cleanly fails the case.
e2e_end() {
    local status=$? pid loop
    trap - EXIT
    set +e
    tgt_kill
    for pid in "${E2E_PIDS[@]}"; do
        kill -KILL -- "-$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    for pid in "${E2E_DRIVERS[@]}"; do
        kill -KILL "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    if ! BED_KEEP=1 bed_stop && [ "$status" -eq 0 ]; then
        echo "FAIL: the host or the daemon did not end cleanly" >&2
        status=1
    fi
    for loop in "${E2E_LOOPS[@]}"; do
        losetup --detach "$loop"
    done
    if grep -aqE 'AddressSanitizer|ThreadSanitizer|LeakSanitizer|runtime error:' "$E2E_DIR"/bed/*.log 2>/dev/null; then
        echo "FAIL: a sanitizer found something in $E2E_DIR/bed" >&2
        [ "$status" -ne 0 ] || status=1
    fi
    cd /
    if [ "$status" -eq 0 ] || [ "$status" -eq 77 ]; then
        rm -rf "$E2E_DIR"
    else
        echo "kept: $E2E_DIR" >&2
        for log in "$E2E_DIR"/bed/*.log; do
            echo "--- $log, its end:" >&2
            tail -n 15 "$log" >&2
        done
    fi
    exit "$status"
}
trap e2e_end EXIT

host() {
    BED_DIR=$E2E_DIR/bed
    bed_start "$@" || fail "the host does not start"
}

config() {
    local name=$1 entry
    shift
    {
        echo "name = \"$name\""
        echo 'type = "pv"'
        echo 'memory = 64'
        echo 'vscsi = ['
        for entry in "$@"; do
            echo "    '$entry',"
        done
        echo ']'
    } >"$E2E_DIR/$name.cfg"
}

# guest [--start-anyway] NAME ENTRY...: that option if some of its LUNs can't be opened.
guest() {
    local options=()
    [ "$1" != --start-anyway ] || { options=("$1"); shift; }
    config "$@"
    # Without a daemon there is nobody to wait for.
    [ -n "$BED_DAEMON" ] || options+=(--no-wait)
    bed_ctl create "${options[@]}" "$E2E_DIR/$1.cfg" || fail "guest $1 is not created"
}

# driver_domain NAME: a domain that may serve others, in DRIVER its number. What runs with
# PVSCSI_HOST=$(domain_dir NUMBER) has that domain's rights and no others.
domain_dir() { echo "$BED_DIR/dom/$1"; }
driver_domain() {
    config "$1"
    # Without entries there is nothing to wait for; that is what it warns of.
    bed_ctl create "$E2E_DIR/$1.cfg" 2>/dev/null || fail "domain $1 is not created"
    DRIVER=$(number_of "$1")
}
# driver_start [pvscsid options]: the pvscsid of domain DRIVER, its log in $BED_DIR/driver.log
driver_start() {
    PVSCSI_HOST=$(domain_dir "$DRIVER") bed_launch "$BED_DIR/driver.log" pvscsid "$@" ||
        fail "the driver domain's daemon does not start"
    DRIVER_DAEMON=$BED_PID
    E2E_DRIVERS+=("$BED_PID")
}
driver_stop() { # [SIGNAL]
    bed_end "$DRIVER_DAEMON" "${1:-TERM}" || fail "the driver domain's daemon does not end well"
}
number_of() { # NAME: of a domain, with LUNs or without
    local id
    for id in $(xenstore-list /local/domain); do
        ! store_is "/local/domain/$id/name" "$1" || echo "$id"
    done
}

as() {
    local guest=$1
    shift
    pvscsi-run "$guest" -- "$@"
}

# A program that writes to LUN 0 of guest demo (16 MiB) until it is stopped, and notes what was
# acknowledged. A command that fails, or data that are not what was written, fails the case.
writer_start() { # [pvscsi-run option...]
    E2E_STRICT=1 E2E_STOP=$E2E_DIR/stop background pvscsi-run "$@" demo -- \
        python3 "$E2E_PROJECT/tests/e2e/writer.py" "$(node 0)" 16777216 "$E2E_DIR/acknowledged"
    WRITER=$PID
    until_true 30 test -s "$E2E_DIR/acknowledged" || fail "nothing is acknowledged"
}
writer_position() { stat -c %s "$E2E_DIR/acknowledged"; }
writer_is_beyond() { [ "$(writer_position)" -gt "$1" ]; }
# writer_must_pass POSITION WHEN: some 50 commands more than there
writer_must_pass() { until_true 30 writer_is_beyond $(($1 + 400)) || fail "$2: the guest does not go on"; }
writer_check() { # WHEN
    as demo python3 "$E2E_PROJECT/tests/e2e/writer.py" --check "$(node 0)" "$E2E_DIR/acknowledged" ||
        fail "$1: data are wrong"
}
writer_stop() {
    touch "$E2E_DIR/stop"
    wait "$WRITER" || fail "the writer found something wrong"
    writer_check "at the end"
}

disk() {
    truncate -s "$2" "$1"
    DISK=$(realpath "$1")
}

loop() {
    disk "$1" "$2"
    LOOP=$(losetup --find --show "${@:3}" "$DISK" 2>&1) || skip "no loop device: $LOOP"
    E2E_LOOPS+=("$LOOP")
}

node() { echo "/dev/pvscsi/0:0:0:$1"; }

# background PROGRAM...: its process id in PID; it and what it started, which are a process group,
# are killed at the end if they still run.
background() {
    setsid "$@" &
    PID=$!
    E2E_PIDS+=("$PID")
}

# status_of COMMAND...: its exit status, in STATUS; what it printed is in OUTPUT.
status_of() {
    STATUS=0
    OUTPUT=$("$@" 2>&1) || STATUS=$?
    echo "+ $* -> $STATUS"
    echo "$OUTPUT"
}

# refused TEXT COMMAND...: it must fail, and say TEXT (an extended regular expression).
refused() {
    local text=$1
    shift
    status_of "$@"
    [ "$STATUS" -ne 0 ] || fail "'$*' should have failed"
    grep -aqE -- "$text" <<<"$OUTPUT" || fail "'$*' does not say '$text'"
}

# says TEXT COMMAND...: it must succeed, and say TEXT.
says() {
    local text=$1
    shift
    status_of "$@"
    [ "$STATUS" -eq 0 ] || fail "'$*' ended with $STATUS"
    grep -aqE -- "$text" <<<"$OUTPUT" || fail "'$*' does not say '$text'"
}

# until_true SECONDS COMMAND...: for what nothing can be waited on.
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.05
    done
}

# descriptors PID: how many it has open
descriptors() { find "/proc/$1/fd" -mindepth 1 | wc -l; }

store_is() { [ "$(xenstore-read "$1" 2>/dev/null)" = "$2" ]; }

# domid NAME
domid() {
    python3 -c 'import json, sys
print(next(r["domid"] for r in json.load(sys.stdin) if r["domain"] == sys.argv[1]))' "$1" \
        < <(bed_ctl list --json)
}

# rows NAME KEY: that key of all LUNs of a guest, a line each
rows() {
    python3 -c 'import json, sys
for row in json.load(sys.stdin):
    if row["domain"] == sys.argv[1]:
        print(row["vdev"], row[sys.argv[2]])' "$1" "$2" < <(bed_ctl list --json)
}

# A gigabyte of data is not needed to see that data are right: 64 MiB of noise, made once.
noise() { head -c "$2" /dev/urandom >"$1"; }
checksum() { sha256sum "$1" | cut -d' ' -f1; }

# tgt [DIR]: an iSCSI target (tests/support/tgt.sh), ended with the case
. "$E2E_PROJECT/tests/support/tgt.sh"
tgt() {
    command -v tgtd >/dev/null || skip "tgtd is missing"
    tgt_start "$E2E_DIR" || skip "tgtd does not start: $(tail -n 1 "$E2E_DIR/tgtd.log")"
}
