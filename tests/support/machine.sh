# shellcheck shell=bash
# Runs cases inside a machine that boots, runs the cases of a plan one after the other and ends.
# Sourced by the run.sh of a bed, which sets
#   cases_dir       the folder of the cases, NAME.sh each, with lines of the form `# key: value`:
#                   what (one line for --list), seconds (a time limit of its own), boot (own, or
#                   another word that the bed knows: it shares its boot with no other case),
#                   brief (yes: one of those that --brief is content with)
#   usual_seconds   the time limit of the others (150)
#   boot_seconds    how long a boot may take (60)
# and defines `machine_boot SECONDS`, which takes the place of its shell by the machine. That one
# finds the plan in $job/plan (a line `NAME SECONDS` each) and leaves, for each case, NAME.log and,
# when it is over, NAME.status there: 0; 77 if it could not be run, the reason being the log's last
# line; anything else has failed. It may leave a number in $job/factor, by which it is slower than
# usual, so that all limits are multiplied. A case that kills or hangs the machine has failed, and the others
# go on in a new boot; unless it has left $job/again: then the machine is booted again for the same case.

#
# SIGTERM and SIGINT end it with what was learned so far: the case at work has failed, the logs are
# kept, and the line of numbers is the last one all the same.

: "${cases_dir:?}" "${usual_seconds:=150}" "${boot_seconds:=60}"
passed=0 failed=0 skipped=0
left=() started=$SECONDS

case_says() { # NAME KEY [DEFAULT]
    local value
    value=$(sed -n "s/^# $2: *//p" "$cases_dir/$1.sh" | head -n1)
    echo "${value:-${3:-}}"
}
case_seconds() { case_says "$1" seconds "$usual_seconds"; }
case_names() { (cd "$cases_dir" && printf '%s\n' *.sh | sed 's/\.sh$//'); }
case_names_brief() {
    local name
    for name in $(case_names); do [ "$(case_says "$name" brief)" != yes ] || echo "$name"; done
}
case_list() {
    local name
    for name in $(case_names); do
        printf '%-28s %s\n' "$name" "$(case_says "$name" what)"
    done | sed 's/ *$//'
}

# The head of the program.
machine_usage() { sed -n '2,/^set -/{/^#/s/^# \{0,1\}//p}' "$0"; }

# machine_options ARGUMENT...: sets cases, keep and shell; prints the list and ends for --list.
machine_options() {
    local name
    cases=() keep=false shell=false brief=false
    while [ $# -gt 0 ]; do
        case $1 in
        --list) case_list; exit ;;
        --only) [ $# -ge 2 ] || { echo "--only needs the name of a case" >&2; exit 2; }
            cases+=("$2"); shift ;;
        --brief) brief=true ;;
        --keep) keep=true ;;
        --shell) shell=true ;;
        -h | --help) machine_usage; exit ;;
        *) echo "unknown argument '$1'; try --help" >&2; exit 2 ;;
        esac
        shift
    done
    [ ${#cases[@]} -gt 0 ] || mapfile -t cases < <(if $brief; then case_names_brief; else case_names; fi)
    for name in "${cases[@]}"; do
        [ -e "$cases_dir/$name.sh" ] || { echo "no case $name; --list lists them" >&2; exit 2; }
    done
}

machine_programs() { # NAME...: that these are on this machine
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || { echo "$program is missing: tests/install-packages.sh installs it" >&2; exit 2; }
    done
}

# Makes the job folder; it is removed at the end unless it is to be kept.
machine_job() { # PREFIX
    job=$(mktemp -d "${TMPDIR:-/tmp}/$1.XXXXXX")
    machine=
    trap machine_finish EXIT
    trap 'exit 1' INT TERM
}
# However it ends: with cases left it has been interrupted.
machine_finish() {
    set +e
    trap '' INT TERM
    # The machine must not go on writing where the logs are.
    [ -z "$machine" ] || { kill "$machine"; wait "$machine"; } 2>/dev/null
    if [ ${#left[@]} -gt 0 ]; then
        report_ended
        [ ${#left[@]} = 0 ] || report "${left[0]}" interrupted
        [ ${#left[@]} -le 1 ] || echo "# not begun: ${left[*]:1}"
        keep=true
        machine_sum
    fi
    $keep || rm -rf "$job"
}

report() { # NAME [STATUS]: the one given is of a case that has left none
    local name=$1 status
    status=$(cat "$job/$name.status" 2>/dev/null || echo "${2:-none}")
    echo "# $name: $((SECONDS - started)) s"
    case $status in
    0) echo "ok $name"; passed=$((passed + 1)); return ;;
    77) echo "ok $name # SKIP $(tail -n1 "$job/$name.log")"; skipped=$((skipped + 1)); return ;;
    124 | 137 | 143) echo "not ok $name (not ended in time)" ;;
    none | interrupted)
        if [ "$status" = none ]; then echo "not ok $name (the machine ended or hung)"; else echo "not ok $name (interrupted)"; fi
        { echo "--- console:"; cat "$job/console.log"; } >>"$job/$name.log" ;;
    *) echo "not ok $name (status $status)" ;;
    esac
    failed=$((failed + 1))
    keep=true
    tail -n 40 "$job/$name.log" | sed 's/^/    /'
}

# Reports the cases at the head of `left` that are over.
report_ended() {
    while [ ${#left[@]} -gt 0 ] && [ -s "$job/${left[0]}.status" ]; do
        report "${left[0]}"
        left=("${left[@]:1}")
        started=$SECONDS
    done
}

# The machine's own end is for one that nobody watches any more.
machine_on() { # SECONDS
    machine_boot $(($1 * 10)) >>"$job/console.log" 2>&1 </dev/null &
    machine=$!
}

# One boot with as many of the cases left as can share it.
machine_once() {
    local name total=$boot_seconds count=0 factor
    rm -f "$job/factor"
    : >"$job/plan"
    for name in "${left[@]}"; do
        [ -z "$(case_says "$name" boot)" ] || [ $count = 0 ] || break
        echo "$name $(case_seconds "$name")" >>"$job/plan"
        total=$((total + $(case_seconds "$name") + 30))
        count=$((count + 1))
        [ -z "$(case_says "$name" boot)" ] || break
    done
    : >"$job/console.log"
    machine_on $total
    started=$SECONDS
    local goal=$((${#left[@]} - count))
    while [ ${#left[@]} -gt $goal ]; do
        report_ended
        [ ${#left[@]} -gt $goal ] || break
        if ! kill -0 "$machine" 2>/dev/null; then
            rm "$job/again" 2>/dev/null || break
            machine_on $total
        fi
        # Empty while it is being written.
        factor=$(cat "$job/factor" 2>/dev/null) || true
        if [ $((SECONDS - started)) -gt $((($(case_seconds "${left[0]}") + boot_seconds) * ${factor:-1})) ]; then
            kill "$machine" 2>/dev/null || true
        fi
        sleep 0.2
    done
    [ ${#left[@]} -gt $goal ] || kill "$machine" 2>/dev/null || true
    wait "$machine" 2>/dev/null || true
    machine=
    # What ended between the last look and the machine's end; then the one that it ended in.
    report_ended
    if [ ${#left[@]} -gt $goal ]; then
        report "${left[0]}"
        left=("${left[@]:1}")
    fi
}

# Runs the cases: those that share boots first. Ends with the line of numbers; 1 if one has failed.
machine_cases() {
    local name own=()
    left=()
    for name in "${cases[@]}"; do
        if [ -n "$(case_says "$name" boot)" ]; then own+=("$name"); else left+=("$name"); fi
    done
    left+=("${own[@]}")
    while [ ${#left[@]} -gt 0 ]; do machine_once; done
    machine_sum
}
machine_sum() {
    ! $keep || echo "logs: $job"
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
}
