# shellcheck shell=bash
# what: the daemon is killed with a tape command at the drive: it ends in an error and is not repeated
# seconds: 600
# shellcheck source=tests/scsi/guest/devices.sh
. /job/devices.sh
tgt_up
tape_in 1 0
tape=$(tgt_tapes | head -n1)
guest_up "$tape"
for _ in 1 2 3 4; do sg_turs "$tape" && break; done
record() { head -c 1024 /dev/zero | tr '\0' "$1" >"/tmp/record.$1"; }
write="0a 00 00 04 00 00"
must sg_raw "$tape" 01 00 00 00 00 00
# shellcheck disable=SC2086 # the bytes of a command
for i in a b c; do
    record $i
    must as_guest sg_raw -s 1024 -i /tmp/record.$i "$(disk 0)" $write
done

# The drive stops, the command is there, the daemon dies, its successor comes, the drive goes on.
killed_under() { # NAME ARGUMENT...: of sg_raw
    local name=$1 guest
    shift
    tgt_hangs
    as_guest sg_raw -vvv -t 100 "$@" >"/tmp/$name.out" 2>&1 &
    guest=$!
    wait_until 20 is_busy "$tape" || fail "$name: it never got to the drive"
    bed_daemon_kill
    must bed_daemon_start --log-level info
    tgt_goes_on
    wait $guest && { cat "/tmp/$name.out"; fail "$name: it is said to have succeeded"; }
    echo "--- $name"
    cat "/tmp/$name.out"
    grep -q 'Sense key: Hardware Error' "/tmp/$name.out" || fail "$name: another error"
    as_guest sg_raw "$(disk 0)" 00 00 00 00 00 00 >/tmp/next 2>&1
    grep -q 'Device internal reset' /tmp/next || fail "$name: the guest is not warned: $(cat /tmp/next)"
}
# shellcheck disable=SC2086
for i in d e f; do
    record $i
    killed_under "write-$i" -s 1024 -i /tmp/record.$i "$(disk 0)" $write
done
killed_under filemarks "$(disk 0)" 10 00 00 00 01 00
killed_under back "$(disk 0)" 11 00 ff ff ff 00 # a record: by the filemark, and no further
# Position and contents are what one execution of each makes.
must as_guest sg_raw -s 1024 -i /tmp/record.a "$(disk 0)" 0a 00 00 04 00 00
must sg_raw "$tape" 01 00 00 00 00 00
got=
while sg_raw -r 1024 -o /tmp/got "$tape" 08 00 00 04 00 00 >/tmp/read.out 2>&1; do
    got+=$(head -c 1 /tmp/got)
done
cat /tmp/read.out
[ "$got" = abcdefa ] || fail "the records on the tape are $got, not abcdefa"

killed_under read -r 1024 "$(disk 0)" 08 00 00 04 00 00
must as_guest sg_raw "$(disk 0)" 01 00 00 00 00 00
killed_under read-first -r 1024 "$(disk 0)" 08 00 00 04 00 00
# That read moved the tape, once.
must as_guest sg_raw -r 1024 -o /tmp/got "$(disk 0)" 08 00 00 04 00 00
must cmp /tmp/got /tmp/record.b
guest_down
