# shellcheck shell=bash
# Two guests share a disk of LIO by one path and reserve it against each other; another path is the
# other host. What one is told of they all are told of, and a daemon that is killed forgets nothing.
# (LIO's loopback can't do PREEMPT AND ABORT, it hangs for good: among guests the device is not asked
# to.)
# seconds: 500
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
lio_disk

guest_up "$ours,exclusive=no"
printf 'name = "h"\ntype = "pv"\nvscsi = [ "%s,0:0:0:0,exclusive=no" ]\n' "$ours" >/tmp/h.cfg
must pvscsictl create /tmp/h.cfg
as_h() { pvscsi-run h -- "$@"; }
there() { "$@"; } # the other host
g=$(disk 0) h=$(disk 0)

# WHO NODE as one: g, h, other
on() { # WHO COMMAND..., with NODE for its node
    local who=$1
    shift
    case $who in
    g) as_guest "${@//NODE/$g}" ;;
    h) as_h "${@//NODE/$h}" ;;
    other) there "${@//NODE/$theirs}" ;;
    esac
}
ready() { # WHO: it has been told everything
    local _
    for _ in 1 2 3 4 5 6; do on "$1" sg_turs NODE >/dev/null 2>&1 && return; done
    fail "$1: not ready: $(on "$1" sg_turs -vv NODE 2>&1)"
}
all_ready() { for who in g h other; do ready $who; done; }
told() { # WHO TEXT: its next command is answered with this unit attention, once
    on "$1" sg_raw NODE 00 00 00 00 00 00 >/tmp/told 2>&1
    grep -qi "$2" /tmp/told || fail "$1 is not told: $2, but: $(cat /tmp/told)"
    echo "$1 is told: $2"
}
pr() { # WHO OPTION...
    local who=$1
    shift
    on "$who" sg_persist --no-inquiry --out "$@" NODE >/tmp/pr 2>&1
}
keys() { on "$1" sg_persist --no-inquiry --in --read-keys NODE | grep -o '0x[0-9a-f]*$' | sort | tr '\n' ' '; }
has_keys() { # WHO KEY...
    local who=$1
    shift
    [ "$(keys "$who")" = "$* " ] || fail "keys that $who sees: $(keys "$who"), not: $*"
}
holds() { # WHO-LOOKS TEXT
    on "$1" sg_persist --no-inquiry --in --read-reservation NODE >/tmp/held 2>&1
    grep -q "$2" /tmp/held || fail "$1 does not see: $2, but: $(cat /tmp/held)"
}
write_one() { on "$1" sg_raw --send=512 --infile=/tmp/block NODE 2a 00 00 00 00 00 00 00 01 00 >/tmp/write 2>&1; }
writes() { for who in "$@"; do write_one "$who" || fail "$who does not write: $(cat /tmp/write)"; done; }
conflicts() {
    for who in "$@"; do
        write_one "$who" && fail "$who writes to what another has reserved"
        grep -qi 'reservation conflict' /tmp/write || fail "$who: another error: $(cat /tmp/write)"
    done
}
dd if=/dev/zero of=/tmp/block bs=512 count=1 status=none

all_ready
writes g h other

echo "--- register, reserve, release"
must pr g --register --param-sark=0xa
must pr h --register --param-sark=0xb
all_ready
has_keys g 0xa 0xb
has_keys h 0xa 0xb
has_keys other 0xa
for type in 1 3 5 6 7 8; do
    must pr g --reserve --param-rk=0xa --prout-type=$type
    case $type in
    1 | 3) conflicts h ;;
    *) writes h ;;
    esac
    writes g
    conflicts other
    must pr g --release --param-rk=0xa --prout-type=$type
    all_ready
    writes g h other
done

echo "--- who is not registered"
must pr h --reserve --param-rk=0xb --prout-type=5
holds other 'Key=0xb' # the holder's
holds g 'Key=0xb'
must pr g --register --param-rk=0xa --param-sark=0
conflicts g other
writes h
must pr g --register --param-sark=0xa
writes g

echo "--- preempt among guests"
must pr g --preempt --param-rk=0xa --param-sark=0xb --prout-type=5
told h 'registrations preempted'
ready h
conflicts h other
writes g
has_keys h 0xa
must pr h --register --param-sark=0xb
must pr h --preempt-abort --param-rk=0xb --param-sark=0xa --prout-type=5
told g 'registrations preempted'
ready g
conflicts g
writes h

echo "--- the daemon is killed"
bed_daemon_kill
must bed_daemon_start --log-level info
writes h
conflicts g
has_keys g 0xb
holds g 'Key=0xb'

echo "--- the other host preempts"
must pr g --register --param-sark=0xa
must pr other --register --param-sark=0xe
must pr other --preempt --param-rk=0xe --param-sark=0xb --prout-type=5
told g 'registrations preempted'
told h 'registrations preempted'
ready g
ready h
conflicts g h
writes other
has_keys g 0xe
must pr g --register --param-sark=0xa
writes g
conflicts h
must pr g --preempt --param-rk=0xa --param-sark=0xe --prout-type=1
told other 'registrations preempted'
ready other
conflicts other h
must pr g --clear --param-rk=0xa
all_ready
writes g h other

echo "--- RESERVE and RELEASE"
# A connection that others of g join: with its end RESERVE ends, too.
as_guest bash -c ': >/tmp/stays; while [ ! -e /tmp/go ]; do sleep 0.2; done' &
stays=$!
wait_until 20 test -e /tmp/stays || fail "g did not connect"
must on g sg_raw NODE 16 00 00 00 00 00
on h sg_turs NODE >/dev/null 2>&1 && fail "h is ready though g has reserved the unit"
on other sg_turs NODE >/dev/null 2>&1 && fail "the other host is ready though g has reserved the unit"
must on h sg_raw NODE 17 00 00 00 00 00
on other sg_turs NODE >/dev/null 2>&1 && fail "h has released what g had"
must on g sg_raw NODE 17 00 00 00 00 00
all_ready
must on g sg_raw NODE 16 00 00 00 00 00
on h sg_turs NODE >/dev/null 2>&1 && fail "h is ready though g has reserved the unit again"
: >/tmp/go
wait $stays
all_ready

echo "--- a LUN RESET"
must on g sg_reset --device NODE
told h 'bus device reset'
told g 'bus device reset'
on g sg_raw NODE 00 00 00 00 00 00 || fail "g is told twice"
on h sg_raw NODE 00 00 00 00 00 00 || fail "h is told twice"

must pvscsictl destroy h
guest_down
