# shellcheck shell=bash
# What initiators do with their units, whichever side they are on. Sourced inside the machine, after
# the side.

unit() { on "$1" "$2" sg_inq --page=0x80 NODE | sed -n 's/.*serial number: .*-//p'; } # INITIATOR LUN
unit_is() { # INITIATOR LUN UNIT
    [ "$(unit "$1" "$2")" = "$3" ] || fail "LUN $2 of initiator $1 is unit $(unit "$1" "$2"), not $3"
}

# Writes, reads and compares, once. INITIATOR LUN
verified_io() {
    on "$1" "$2" fio --name="io$1-$2" --filename=FILE --ioengine=sg --rw=randwrite --bs=4k --size=256k \
        --iodepth=8 --verify=crc32c --verify_fatal=1 --verify_state_save=0 >"/tmp/fio.$1.$2" 2>&1
}
io() { verified_io "$@" || { cat "/tmp/fio.$1.$2"; fail "I/O of initiator $1 on LUN $2"; }; }

# The same over and over until load_end. load_begin INITIATOR LUN
#
# The commands that a port has out when it loses the fabric or its target end with
# DID_TRANSPORT_DISRUPTED; the kernel repeats those of its own drivers, and leaves it to an initiator
# what it does about its own. This one begins its pass anew. No other error is forgiven.
load_begin() {
    rm -f "/tmp/load.$1.$2".*
    load_run "$1" "$2" &
    wait_until 60 load_moves "$1" "$2" 0 || fail "no load comes up: $(cat "/tmp/fio.$1.$2")"
}
load_run() {
    while [ ! -e "/tmp/load.$1.$2.end" ]; do
        if verified_io "$1" "$2"; then
            echo pass >>"/tmp/load.$1.$2.passes"
        elif disrupted <"/tmp/fio.$1.$2"; then
            echo disrupted >>"/tmp/load.$1.$2.disrupted"
        else
            : >"/tmp/load.$1.$2.failed"
            break
        fi
    done
    : >"/tmp/load.$1.$2.over"
}
disrupted() { # what fio says is that, and nothing else
    awk '/SG Host Status/ && /DID_TRANSPORT_DISRUPTED/ { right++ }
        /SG (Host|Driver) Status|verify:/ && !/DID_TRANSPORT_DISRUPTED/ { wrong++ }
        END { exit !right || wrong }'
}
passes() { # INITIATOR LUN
    [ -e "/tmp/load.$1.$2.passes" ] && wc -l <"/tmp/load.$1.$2.passes" || echo 0
}
load_moves() { [ "$(passes "$1" "$2")" -gt "$3" ]; } # INITIATOR LUN PASSES
load_goes_on() {                                     # INITIATOR LUN [SECONDS]
    wait_until "${3:-60}" load_moves "$1" "$2" "$(($(passes "$1" "$2") + 1))" || {
        cat "/tmp/fio.$1.$2"
        fail "the load of initiator $1 stands after $(passes "$1" "$2") passes"
    }
}
load_end() { # INITIATOR LUN: 1 if it has failed
    : >"/tmp/load.$1.$2.end"
    wait_until 60 test -e "/tmp/load.$1.$2.over" || fail "the load of initiator $1 does not end"
    echo "initiator $1, LUN $2: $(passes "$1" "$2") passes of verified I/O," \
        "$(cat "/tmp/load.$1.$2.disrupted" 2>/dev/null | wc -l) disrupted"
    [ ! -e "/tmp/load.$1.$2.failed" ]
}

# TEST UNIT READY (sg_turs ends well if there was no answer). INITIATOR LUN
tur() { on "$1" "$2" sg_raw NODE 00 00 00 00 00 00; }
# It is answered with an error, or not at all. INITIATOR LUN TEXT
told() {
    tur "$1" "$2" >/tmp/told 2>&1 && fail "LUN $2 of initiator $1 is ready, and not: $3"
    grep -qi "$3" /tmp/told || fail "LUN $2 of initiator $1 says not: $3, but: $(cat /tmp/told)"
}
# Its unit attentions have been given. INITIATOR LUN
settled() {
    local _
    for _ in 1 2 3 4 5 6; do tur "$1" "$2" >/dev/null 2>&1 && return; done
    fail "LUN $2 of initiator $1 is not ready: $(tur "$1" "$2" 2>&1)"
}
