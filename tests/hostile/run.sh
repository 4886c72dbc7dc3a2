#!/bin/bash
# The hostile guest against the daemon of $BUILD (default: build), which should be one with
# sanitizers. Arguments go to test-hostile. A report of a sanitizer is a failure of its own.
set -u
cd "$(dirname "$0")/../.." || exit 1
# Freed memory that ASan keeps back would hide growth; real time is short enough without it.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0:exitcode=99}:quarantine_size_mb=16
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1:exitcode=99}
. tests/support/bed.sh
# One data thread: the hostile guest and the innocent one share it.
bed_start --threads 1 || { echo "not ok bed"; echo "0 passed, 1 failed, 0 skipped"; exit 1; }
trap 'bed_stop' EXIT
output=$("$BUILD/tests/hostile/test-hostile" --host "$BED_DIR" --daemon-pid "$BED_DAEMON" \
    --daemon-log "$BED_DIR/pvscsid.log" "$@" 2>&1 | tee >(cat >&2))
read -r passed _ failed _ <<<"$(grep -E '^[0-9]+ passed, ' <<<"$output" | tail -n 1)"
passed=${passed:-0} failed=${failed:-1}

verdict() { # NAME: the last command decides
    if [ "$1" = 0 ]; then
        echo "ok $2"
        passed=$((passed + 1))
    else
        echo "not ok $2"
        failed=$((failed + 1))
    fi
}
log=$BED_DIR/pvscsid.log hostd=$BED_DIR/hostd.log
trap - EXIT
BED_KEEP=1
bed_stop
verdict $? "the daemon and the host end cleanly"
! grep -aE 'Sanitizer|runtime error' "$log" "$hostd" >&2
verdict $? "no report of a sanitizer"
if [ "$failed" = 0 ]; then
    rm -rf "$BED_DIR"
else
    echo "# logs in $BED_DIR"
    tail -n 40 "$log"
fi
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
