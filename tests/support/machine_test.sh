#!/bin/bash
# What machine.sh makes of its options and of an end from outside, with a machine that is a shell.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/support/checks.sh
. "$here/checks.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work

mkdir "$work/cases"
for name in ends fails hangs waits; do echo "# what: it $name" >"$work/cases/$name.sh"; done
cat >"$work/run.sh" <<'RUN'
#!/bin/bash
# What this is.
#
#   run.sh [--list]
set -euo pipefail
cases_dir=$(dirname "$0")/cases
. "$SUPPORT/machine.sh"
machine_options "$@"
machine_job job
machine_boot() {
    local name
    while read -r name _; do
        echo "log of $name" >"$job/$name.log"
        case $name in
        fails) echo 3 >"$job/$name.status" ;;
        hangs) echo $BASHPID >"$job/machine.pid"; exec sleep 60 ;;
        *) echo 0 >"$job/$name.status" ;;
        esac
    done <"$job/plan"
}
machine_cases
RUN
run() { SUPPORT=$here bash "$work/run.sh" "$@" >"$work/out" 2>"$work/err" </dev/null; }
says() { grep -qx -- "$1" "$work/out" || { cat "$work/out" "$work/err"; return 1; }; }
ends_with() { [ "$(tail -n 1 "$work/out")" = "$1" ] || { cat "$work/out" "$work/err"; return 1; }; }
refused() { # MESSAGE ARGUMENT...
    run "${@:2}"
    [ $? = 2 ] && [ ! -s "$work/out" ] && grep -q -- "$1" "$work/err"
}

prints_its_head() { run "$1" && says "What this is." && [ ! -s "$work/err" ]; }
check help prints_its_head --help
check help-in-short prints_its_head -h
check unknown-option refused "unknown argument '--nope'" --nope
check option-without-value refused "--only needs" --only
check unknown-case refused "no case nobody" --only nobody

ordinary() {
    run --only ends --only fails
    [ $? = 1 ] && says 'ok ends' && says 'not ok fails (status 3)' && ends_with '1 passed, 1 failed, 0 skipped'
}
check numbers ordinary

of_the_brief() {
    printf '# brief: yes\n' >"$work/cases/short.sh"
    run --brief
    local status=$?
    rm "$work/cases/short.sh"
    [ $status = 0 ] && says 'ok short' && ends_with '1 passed, 0 failed, 0 skipped'
}
check brief of_the_brief

# interrupted SIGNAL: while the second of three cases is at work. (Not SIGINT: bash may lose one that its children do not
# get, as they do from a terminal.)
interrupted() {
    local signal=$1 pid job status=0
    rm -rf "$work"/job.*
    SUPPORT=$here exec_run "$work/out" &
    pid=$!
    for _ in $(seq 300); do [ ! -s "$(echo "$work"/job.*/machine.pid)" ] || break; sleep 0.1; done
    job=$(echo "$work"/job.*)
    kill -s "$signal" "$pid"
    wait "$pid" || status=$?
    [ "$status" = 1 ] && says 'ok ends' && says 'not ok hangs (interrupted)' && says '# not begun: waits' &&
        says "logs: $job" && ends_with '1 passed, 1 failed, 0 skipped' && grep -q 'log of hangs' "$job/hangs.log" &&
        ! kill -0 "$(<"$job/machine.pid")" 2>/dev/null
}
exec_run() {
    exec bash "$work/run.sh" --only ends --only hangs --only waits >"$1" 2>"$work/err" </dev/null
}
check terminated interrupted TERM
checks_end
