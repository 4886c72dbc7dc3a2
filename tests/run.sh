#!/bin/bash
# Installs what is missing, builds with warnings as errors, runs every test.
#   tests/run.sh [--quick] [--only SUITE]...
# --quick leaves out what takes minutes: the packages, the virtual machines, the sanitizer builds.
#
# PVSCSI_BUILD   build directory (default: build in the project); sanitizer builds are made
#                beside it, with -asan and -tsan at the end
# PVSCSI_LOGS    where the suites' logs go (default: logs in the build directory)
#
# A suite is a program that prints `ok NAME`, `not ok NAME` or `ok NAME # SKIP reason` for each
# case and ends with the line `N passed, N failed, N skipped`; it finds the build in $BUILD.
# Ends with the sum of all suites in such a line; exit status 1 if anything failed.
set -u
cd "$(dirname "$0")/.." || exit 1
project=$PWD

quick=
only=()
usage() { sed -n '2,/^set -u/{/^#/s/^# \{0,1\}//p}' "$0"; }
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=1 ;;
    --only)
        [ $# -ge 2 ] || { echo "--only needs the name of a suite" >&2; exit 2; }
        only+=("$2")
        shift
        ;;
    -h | --help) usage; exit 0 ;;
    *) echo "unknown argument '$1'; try --help" >&2; exit 2 ;;
    esac
    shift
done

build=${PVSCSI_BUILD:-$project/build}
mkdir -p "$build" && build=$(cd "$build" && pwd) || exit 1
logs=${PVSCSI_LOGS:-$build/logs}
mkdir -p "$logs" && logs=$(cd "$logs" && pwd) || exit 1
jobs=$(nproc)
export CLICOLOR=0 PYTHONDONTWRITEBYTECODE=1
# What is compiled in one folder is found by a build in another.
export CCACHE_NOHASHDIR=1

passed=0 failed=0 skipped=0
failures=() skips=()
# The sum is printed whatever happens, so that a reader of the last line is never misled.
finish() {
    local name
    if [ ${#skips[@]} -gt 0 ]; then
        echo "skipped (the first 20; all of them: grep '# SKIP' $logs/*.log):"
        printf '  %s\n' "${skips[@]:0:20}"
    fi
    if [ ${#failures[@]} -gt 0 ]; then
        echo "failed (logs in $logs):"
        for name in "${failures[@]}"; do echo "  $name"; done
    fi
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
    exit
}
trap 'echo; end_suites; failures+=("interrupted"); failed=$((failed + 1)); finish' INT TERM

# show_failures LOG: where only this output is kept, the logs are gone.
show_failures() {
    grep -aA 40 '^not ok ' "$1" | head -n 160 | sed 's/^/    | /'
    echo "    | ... the end of $1:"
    tail -n 25 "$1" | sed 's/^/    | /'
}

# show_slowest LOG: what took most of a long suite's time.
show_slowest() {
    sed -nE 's/^# (.+): ([0-9]+) s$/\2 s \1/p' "$1" | sort -rn | head -n 8 | paste -sd ';' | sed 's/^./    | slowest: &/; s/;/; /g'
}

# account SUITE LOG STATUS SECONDS: adds the numbers of the suite's last line to the sum.
account() {
    local suite=$1 log=$2 status=$3 seconds=$4 line p=0 f=0 s=0 note=
    line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" | tail -n 1)
    if [ -n "$line" ]; then
        read -r p _ f _ s _ <<<"$line"
        while IFS= read -r name; do failures+=("$suite: $name"); done \
            < <(sed -n 's/^not ok //p' "$log")
        while IFS= read -r name; do skips+=("$suite: $name"); done \
            < <(sed -n 's/^ok \(.*\) # SKIP \(.*\)$/\1: \2/p' "$log")
    fi
    if [ "$status" != 0 ] && [ "$f" = 0 ]; then
        f=1
        note=" (exit status $status)"
        [ "$status" != 124 ] || note=" (took too long)"
        failures+=("$suite$note")
    elif [ -z "$line" ]; then
        f=1
        note=" (printed no result)"
        failures+=("$suite$note")
    fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    printf '%-14s %5d passed %3d failed %3d skipped %5d s%s\n' "$suite" "$p" "$f" "$s" \
        "$seconds" "$note"
    show_slowest "$log"
    [ "$f" = 0 ] || show_failures "$log"
}

# wanted SUITE...: whether --only names one of them, or is not given.
wanted() {
    local asked name
    [ ${#only[@]} -gt 0 ] || return 0
    for asked in "${only[@]}"; do
        for name in "$@"; do [ "$name" != "$asked" ] || return 0; done
    done
    return 1
}

# run NAME SECONDS BUILD COMMAND...: runs it for at most so long; its output is in NAME.log, its status
# and the seconds it took in NAME.ended.
running=
run() {
    local name=$1 limit=$2 dir=$3 begin=$SECONDS status=0
    rm -f "$logs/$name.ended"
    shift 3
    BUILD=$dir timeout --kill-after=30 "$limit" "$@" >"$logs/$name.log" 2>&1 </dev/null &
    running=$! # so that a signal is heard while it runs
    wait "$running" || status=$?
    running=
    echo "$status $((SECONDS - begin))" >"$logs/$name.ended"
}
ended() { # NAME
    local status=1 took=0
    read -r status took <"$logs/$1.ended" || status=1
    account "$1" "$logs/$1.log" "$status" "$took"
}
suite() { # NAME SECONDS BUILD COMMAND...
    wanted "$1" || return 0
    run "$@"
    ended "$1"
}

# beside NAME SECONDS BUILD COMMAND...: while others run; until join.
beside=
beside_name=
beside() {
    wanted "$1" || return 0
    beside_name=$1
    (
        trap '[ -z "$running" ] || kill "$running"; wait; exit 1' TERM
        run "$@"
    ) &
    beside=$!
}
join() {
    [ -n "$beside" ] || return 0
    wait "$beside"
    beside=
    ended "$beside_name"
}
end_suites() {
    local process
    for process in $running $beside; do kill "$process" 2>/dev/null && wait "$process"; done
}

# compile NAME DIRECTORY [meson options]: configures and builds $targets, or all of it; false if
# that fails.
targets=
compile() {
    local name=$1 dir=$2 log=$logs/$1.log begin=$SECONDS
    shift 2
    if { { [ -f "$dir/build.ninja" ] && meson configure "$dir" -Dwerror=true "$@"; } ||
        meson setup "$dir" -Dwerror=true "$@"; } >"$log" 2>&1 &&
        ninja -C "$dir" -j "$jobs" ${targets:-all} >>"$log" 2>&1; then
        printf '%-14s built in %d s\n' "$name" $((SECONDS - begin))
        return 0
    fi
    tail -n 40 "$log"
    failed=$((failed + 1))
    failures+=("$name: does not build")
    return 1
}

meson_tests() { suite "$1" "$2" "$3" python3 tests/support/meson_suite.py "$3" "${@:4}"; }
script() { # NAME SECONDS BUILD FILE [arguments]
    suite "$1" "$2" "$3" bash "${@:4}"
}

asan=$build-asan
tsan=$build-tsan
# Line numbers are all that a report needs: the rest of -g is a third of the compiler's time.
lines_only=(-Ddebug=false -Dcpp_args=-g1)
# With libraries that are shared a hundred and more tests do not each bear a copy of them.
sanitize() { # NAME DIRECTORY WHAT
    compile "build-$1" "$2" -Db_sanitize="$3" -Db_lundef=false -Doptimization=1 -Ddefault_library=shared \
        "${lines_only[@]}"
}
sanitize_all() { wanted meson-asan hostile && sanitize asan "$asan" address,undefined; }
sanitize_threads() { # most of the code knows one thread: only what doesn't is built again for this
    local targets
    targets=$(tests/support/suite_targets.py "$build" threads)
    wanted meson-tsan && sanitize tsan "$tsan" thread
}

# The virtual machines leave a good part of the processors idle. So the sanitizer builds begin beside
# them, behind everything else; what is left of them is done when it is their turn. The shorter suites
# with machines run two at a time, which takes each 1.4 times as long. Xen has the processors for
# itself: its clocks suffer otherwise.
early=
build_early() {
    set -m
    (
        renice -n 19 "$BASHPID"
        jobs=1
        sanitize_all
        sanitize_threads
    ) >/dev/null 2>&1 &
    early=$!
    set +m
}
end_early() {
    [ -n "$early" ] || return 0
    kill -- "-$early" 2>/dev/null
    wait "$early" 2>/dev/null
    early=
}
trap end_early EXIT

tests/install-packages.sh || { failures+=("packages"); failed=1; finish; }
if [ -f "$build/build.ninja" ]; then # somebody's own, with the options that he has chosen
    compile build "$build" || finish
else
    compile build "$build" "${lines_only[@]}" || finish
fi

script lint 300 "$build" tests/lint/run.sh
meson_tests meson 1200 "$build"
script schemas 300 "$build" tests/schemas/run.sh
script ctl 300 "$build" tests/ctl/run.sh
script e2e 1200 "$build" tests/e2e/run.sh --jobs 3 # they mostly wait
script iscsi_test_cu 900 "$build" tests/scsi/iscsi_test_cu.sh
script demo 300 "$build" tests/demo_test.sh
if [ -z "$quick" ]; then
    export PACKAGES=$logs/packages # made by the first that needs them
    rm -rf "$PACKAGES"
    script package 1800 "$build" tests/package/run.sh
    build_early
    beside vm 2000 "$build" bash tests/vm/run.sh
    script scsi 1500 "$build" tests/scsi/run.sh
    script npiv 1200 "$build" tests/npiv/run.sh --brief
    join
    script xen 3900 "$build" tests/xen/run.sh
    end_early
fi

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0:exitcode=99}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1:exitcode=99}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:exitcode=99:suppressions=$PWD/tests/support/tsan.supp}
if [ -z "$quick" ]; then
    if sanitize_all; then
        beside hostile 900 "$asan" bash tests/hostile/run.sh # it mostly waits
        meson_tests meson-asan 1200 "$asan"
    fi
    if sanitize_threads; then
        meson_tests meson-tsan 1200 "$tsan" --suite threads
    fi
    join
fi
finish
