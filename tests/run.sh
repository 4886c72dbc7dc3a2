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
trap 'echo; failures+=("interrupted"); failed=$((failed + 1)); finish' INT TERM

# show_failures LOG: where only this output is kept, the logs are gone.
show_failures() {
    grep -aA 15 '^not ok ' "$1" | head -n 120 | sed 's/^/    | /'
    echo "    | ... the end of $1:"
    tail -n 25 "$1" | sed 's/^/    | /'
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

# suite NAME SECONDS BUILD COMMAND...: runs it for at most so long, its output in NAME.log.
suite() {
    local name=$1 limit=$2 dir=$3 begin=$SECONDS status=0
    shift 3
    wanted "$name" || return 0
    BUILD=$dir timeout --kill-after=30 "$limit" "$@" >"$logs/$name.log" 2>&1 </dev/null ||
        status=$?
    account "$name" "$logs/$name.log" "$status" $((SECONDS - begin))
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
    [ ! -f "$4" ] || suite "$1" "$2" "$3" bash "${@:4}"
}

tests/install-packages.sh || { failures+=("packages"); failed=1; finish; }
compile build "$build" || finish

script lint 300 "$build" tests/lint/run.sh
meson_tests meson 1200 "$build"
script schemas 300 "$build" tests/schemas/run.sh
script ctl 300 "$build" tests/ctl/run.sh
script e2e 1200 "$build" tests/e2e/run.sh
for file in tests/scsi/*.sh; do
    script "$(basename "$file" .sh)" 900 "$build" "$file"
done
script demo 300 "$build" tests/demo_test.sh
[ -n "$quick" ] || script package 1800 "$build" tests/package/run.sh
[ -n "$quick" ] || script vm 1200 "$build" tests/vm/run.sh
[ -n "$quick" ] || script xen 3300 "$build" tests/xen/run.sh

asan=$build-asan
tsan=$build-tsan
sanitize() { compile "build-$1" "$2" -Db_sanitize="$3" -Db_lundef=false -Doptimization=1; }
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0:exitcode=99}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1:exitcode=99}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:exitcode=99}
if [ -z "$quick" ]; then
    if wanted meson-asan hostile && sanitize asan "$asan" address,undefined; then
        meson_tests meson-asan 1200 "$asan"
        script hostile 900 "$asan" tests/hostile/run.sh
    fi
    # Most of the code knows one thread: only what doesn't is built again for this.
    targets=$(tests/support/suite_targets.py "$build" threads)
    if wanted meson-tsan && sanitize tsan "$tsan" thread; then
        meson_tests meson-tsan 1200 "$tsan" --suite threads
    fi
fi
finish
