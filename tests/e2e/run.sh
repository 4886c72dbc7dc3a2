#!/bin/bash
# End-to-end tests: every file in cases/ is one behaviour, shown with the built programs on an
# embedded host of its own.
#
#   tests/e2e/run.sh [--list] [--only PATTERN]... [--jobs N]
#
# BUILD names the build directory (default: build). Prints a line a case and at the end
# "N passed, N failed, N skipped"; the directories of cases that failed are kept and named.
set -u

here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
BUILD=$(cd "${BUILD:-$project/build}" && pwd) || exit 1
export BUILD

patterns=()
jobs=1
list=
while [ $# -gt 0 ]; do
    case $1 in
    --list) list=1 ;;
    --only) patterns+=("$2"); shift ;;
    --jobs) jobs=$2; shift ;;
    *) echo "usage: $0 [--list] [--only PATTERN]... [--jobs N]" >&2; exit 2 ;;
    esac
    shift
done

wanted() {
    local pattern
    [ ${#patterns[@]} -gt 0 ] || return 0
    for pattern in "${patterns[@]}"; do
        # shellcheck disable=SC2053  # a pattern on purpose
        [[ $1 == $pattern ]] && return 0
    done
    return 1
}

cases=()
for file in "$here"/cases/*.sh; do
    name=$(basename "$file" .sh)
    wanted "$name" && cases+=("$name")
done
if [ -n "$list" ]; then
    printf '%s\n' "${cases[@]}"
    exit 0
fi

logs=$(mktemp -d "${TMPDIR:-/tmp}/pvscsi-e2e-logs.XXXXXX")
export E2E_PROJECT=$project

# A case's first line may say "# limit: SECONDS".
limit_of() { sed -n '1s/^# limit: \([0-9]*\)$/\1/p' "$here/cases/$1.sh"; }

run_case() {
    local name=$1 start=$SECONDS status limit
    limit=$(limit_of "$name")
    timeout --kill-after=20 "${limit:-120}" \
        bash -euo pipefail -c '. "$1/lib.sh"; . "$1/cases/$2.sh"' e2e "$here" "$name" \
        >"$logs/$name.log" 2>&1 </dev/null
    status=$?
    case $status in
    0) echo "ok $name ($((SECONDS - start)) s)" ;;
    77) echo "skip $name: $(sed -n 's/^SKIP: //p' "$logs/$name.log" | tail -n 1)" ;;
    124) echo "not ok $name: longer than ${limit:-120} s" ;;
    *) echo "not ok $name: $(grep -a '^FAIL: ' "$logs/$name.log" | tail -n 1)" ;;
    esac >"$logs/$name.result"
    cat "$logs/$name.result"
}

running=0
for name in "${cases[@]}"; do
    if [ "$running" -ge "$jobs" ]; then
        wait -n
        running=$((running - 1))
    fi
    run_case "$name" &
    running=$((running + 1))
done
wait

passed=$(cat "$logs"/*.result | grep -c '^ok ')
failed=$(cat "$logs"/*.result | grep -c '^not ok ')
skipped=$(cat "$logs"/*.result | grep -c '^skip ')
if [ "$failed" -gt 0 ]; then
    grep -l '^not ok ' "$logs"/*.result | while read -r result; do
        echo "--- ${result%.result}.log, its end:"
        tail -n 25 "${result%.result}.log"
    done
else
    rm -rf "$logs"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
