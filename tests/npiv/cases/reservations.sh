# shellcheck shell=bash
# what: each vport is an I_T nexus of its own: registrations, reservations, preemption on a shared unit
# shellcheck source=tests/npiv/guest/npiv.sh
. /job/npiv.sh
# shellcheck source=tests/npiv/guest/native.sh
. "/job/${side:-native}.sh"
# shellcheck source=tests/npiv/guest/io.sh
. /job/io.sh
fabric_up
for vport in 1 2 3; do
    mask_add $vport 5 2
    initiator_up $vport 5
done
for vport in 1 2 3; do settled $vport 5; done

pr() { # INITIATOR OPTION...
    local initiator=$1
    shift
    on "$initiator" 5 sg_persist --no-inquiry --out "$@" NODE
}
reads() { on "$1" 5 sg_persist --no-inquiry --in "$2" NODE; }
keys() { reads "$1" --read-keys | grep -o '0x[0-9a-f]*$' | sort | tr '\n' ' '; }
head -c 512 /dev/zero >/tmp/block
writes() { on "$1" 5 sg_raw --send=512 --infile=/tmp/block NODE 2a 00 00 00 00 00 00 00 01 00 >/tmp/write 2>&1; }
may_write() { writes "$1" || fail "initiator $1 does not write: $(cat /tmp/write)"; }
conflict() {
    writes "$1" && fail "initiator $1 writes to what another has reserved"
    grep -qi 'reservation conflict' /tmp/write || fail "initiator $1: $(cat /tmp/write)"
}

must pr 1 --register --param-sark=0xa
must pr 2 --register --param-sark=0xb
for vport in 1 2; do settled $vport 5; done
[ "$(keys 3)" = "0xa 0xb " ] || fail "keys: $(keys 3)"
# By name, in the order of the registrations.
reads 1 --read-full-status | tee /tmp/status
for vport in 1 2; do
    grep -qi "$(wwpn $vport | sed 's/../& /g; s/ $//')" /tmp/status || fail "vport $vport's name is not with its registration"
done

must pr 1 --reserve --param-rk=0xa --prout-type=5
may_write 1
may_write 2
conflict 3
must pr 2 --preempt --param-rk=0xb --param-sark=0xa --prout-type=5
told 1 5 'registrations preempted\|reservations preempted'
settled 1 5
conflict 1
may_write 2

# A port that leaves keeps its registration, and has it again when it is back.
initiator_down 2
initiator_up 2 5
settled 2 5
conflict 1
may_write 2
must pr 2 --clear --param-rk=0xb
for vport in 1 2 3; do
    settled $vport 5
    may_write $vport
done
[ -z "$(keys 1)" ] || fail "keys after CLEAR: $(keys 1)"
