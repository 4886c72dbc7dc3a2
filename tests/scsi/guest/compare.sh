# shellcheck shell=bash
# Comparing what tools say natively and in the guest. Sourced inside the machine.

# compare DEVICE LIST NATIVE-NODE GUEST-NODE [FUNCTION]: the lines of the list give the same on the
# device itself and in the guest "g". FUNCTION, if given, is called before each of the two runs. A line
# of records (DEVICE, tool, native status, equal or different) for each command goes to the table.
# Fit for the background: another one at a time for each device. 1 if anything differs.
compare() {
    local device=$1 list=$2 native=$3 guest=$4 before=${5:-:} at=/tmp/compare.$1.$2
    "$before"
    bash /job/list.sh "/job/lists/$list" "$native" "$at.native"
    "$before"
    as_guest bash /job/list.sh "/job/lists/$list" "$guest" "$at.guest"
    compare_results "$device $list" "$at.native" "$at.guest" >"/job/records/$device.$list"
}

# The device's name in the table is the first word. Without processes: there are many lines.
compare_results() { # "DEVICE LIST" NATIVE GUEST
    local device=${1%% *} native=$2 guest=$3 one number count=0 different=0 verdict
    local line status guest_status said guest_said
    cmp -s "$native/end" "$guest/end" || { echo "$1: a run did not end" >&2; return 1; }
    for one in "$native"/*.line; do
        number=${one##*/} number=${number%.line}
        contents line "$one"
        contents status "$native/$number.status"
        contents guest_status "$guest/$number.status"
        contents said "$native/$number.out"
        contents guest_said "$guest/$number.out"
        verdict=equal count=$((count + 1))
        if [ "$status" = "$guest_status" ] && [ "$said" = "$guest_said" ]; then
            [ "${line#differs }" = "$line" ] || {
                different=$((different + 1))
                echo "DIFFERS NO MORE: $1: $line" >&2
            }
        elif [ "${line#differs }" != "$line" ]; then
            verdict=different
        else
            verdict=different different=$((different + 1))
            {
                echo "DIFFERENT: $1: $line (status $status natively, $guest_status in the guest)"
                diff "$native/$number.out" "$guest/$number.out"
            } >&2
        fi
        printf '%s\t%s\t%s\t%s\n' "$device" "$(tool_of "$line")" "$status" $verdict
    done
    echo "$1: $count lines, $different different" >&2
    [ $different = 0 ]
}
contents() { # VARIABLE FILE: its text, without the newline at its end
    local text
    IFS= read -r -d '' text <"$2"
    printf -v "$1" %s "${text%$'\n'}"
}
tool_of() { # the first tool in the line; the lists' own functions are of sg_raw
    if [[ $1 =~ (^|[^a-z_])(sgp?_[a-z0-9_]+|sginfo|sdparm|mtx|tapeinfo|loaderinfo|scsieject)([^a-z_]|$) ]]; then
        echo "${BASH_REMATCH[2]}"
    else
        echo sg_raw
    fi
}

# all_equal JOB...: waits for compare in the background; every one of them found all equal.
all_equal() {
    local job failed=0
    for job in "$@"; do wait "$job" || failed=$((failed + 1)); done
    [ $failed = 0 ] || fail "$failed lists differ"
}

# Two shells that stay, to run sequences in: shell_open NAME COMMAND... (COMMAND runs bash);
# shell_run NAME LINE prints what the line prints, and its status as the last line.
declare -A shell_in=() shell_over=()
shell_open() {
    local name=$1 in over
    shift
    mkfifo "/tmp/shell.$name" "/tmp/shell.$name.over"
    "$@" bash <"/tmp/shell.$name" >"/tmp/shell.$name.log" 2>&1 &
    exec {in}>"/tmp/shell.$name" {over}<>"/tmp/shell.$name.over"
    shell_in[$name]=$in shell_over[$name]=$over
}
shell_run() { # NAME LINE
    local name=$1 said=/tmp/shell.$1.said status
    printf '{ %s\n} >%s 2>&1 </dev/null; echo $? >%s\n' "$2" "$said" "/tmp/shell.$name.over" >&"${shell_in[$name]}"
    read -r -t 60 -u "${shell_over[$name]}" status || fail "$name never came to the end of: $2"
    cat "$said"
    echo "status $status"
}
shell_close() { # NAME
    local in=${shell_in[$1]} over=${shell_over[$1]}
    exec {in}>&- {over}<&-
    rm "/tmp/shell.$1" "/tmp/shell.$1.over"
}
