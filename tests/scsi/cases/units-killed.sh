# shellcheck shell=bash
# what: the daemon is killed with commands at a disk, a CD drive and a changer: what can do no harm is repeated
# seconds: 300
# shellcheck source=tests/scsi/guest/devices.sh
. /job/devices.sh
tgt_up
natives=("$(tgt_disk)" "$(tgt_cd)" "$(tgt_changer)")
guest_up "${natives[@]}"
for node in "${natives[@]}"; do
    for _ in 1 2 3 4; do sg_turs "$node" && break; done
done >/dev/null 2>&1
seq 10000000 10040000 | head -c 4096 >/tmp/data
must sg_dd if=/tmp/data of="${natives[0]}" bs=512 count=8 2>/dev/null

# sent NAME UNIT ARGUMENT...: a command of the guest that gets to the unit and stays there
sent() {
    local name=$1 unit=$2 node
    node=$(disk "$unit")
    shift 2
    as_guest sg_raw -vvv -t 100 "${@//NODE/$node}" >"/tmp/$name.out" 2>&1 &
    jobs[$name]=$!
}
# killed NUMBER...: so many commands are at the disk, the drive and the changer. The target stops with
# them, the daemon dies, its successor comes, the target goes on.
killed() {
    local unit=0 number
    for number in "$@"; do
        wait_until 30 busy_is "${natives[unit]}" "$number" ||
            fail "$(busy "${natives[unit]}") commands got to ${natives[unit]}, not $number"
        unit=$((unit + 1))
    done
    bed_daemon_kill
    must bed_daemon_start --log-level info
    tgt_goes_on
}
ended() { # NAME STATUS [TEXT]
    local status=0
    wait "${jobs[$1]}" || status=$?
    echo "--- $1 (status $status)"
    grep -v '^ [0-9a-f]* ' "/tmp/$1.out"
    [ "$status" = "$2" ] || fail "$1: status $status, not $2"
    [ $# = 2 ] || grep -qi "$3" "/tmp/$1.out" || fail "$1: not: $3"
}
next_is_told() { # UNIT TEXT
    as_guest sg_raw "$(disk "$1")" 00 00 00 00 00 00 >/tmp/next 2>&1
    grep -q "$2" /tmp/next || fail "the guest is not told of unit $1: $(cat /tmp/next)"
}
declare -A jobs=()

# Reads and a write are begun again and the guest notices nothing; a changer moves once, and the guest has
# to look.
tgt_hangs
sent read 0 -r 4096 -o /tmp/read NODE 28 00 00 00 00 00 00 00 08 00
sent write 0 -s 4096 -i /tmp/data NODE 2a 00 00 00 00 40 00 00 08 00
sent read-cd 1 -r 4096 -o /tmp/read.cd NODE 28 00 00 00 00 00 00 00 02 00
sent move 2 NODE a5 00 00 00 04 00 04 07 00 00 00 00
killed 2 1 1
ended read 0
ended write 0
ended read-cd 0
ended move 3 'Sense key: Hardware Error'
must cmp /tmp/read /tmp/data
must sg_dd if="${natives[0]}" of=/tmp/back bs=512 skip=64 count=8 2>/dev/null
must cmp /tmp/back /tmp/data
must cmp -n 4096 /tmp/read.cd /tmp/tgt/cd
next_is_told 2 'Device internal reset'
mtx -f "${natives[2]}" status >/tmp/status
grep -q 'Storage Element 1:Empty' /tmp/status && grep -q 'Storage Element 8:Full' /tmp/status ||
    fail "the tape did not move from slot 1 to slot 8: $(cat /tmp/status)"

# What is not known to be harmless is not: a registration (the disk has it, once), a TEST UNIT READY, which
# may have fetched something; a changer's READ ELEMENT STATUS ends in an error, and nothing has moved.
seq 0 23 | while read -r i; do if [ "$i" = 15 ]; then printf '\253'; else printf '\0'; fi; done >/tmp/key
tgt_hangs
sent register 0 -s 24 -i /tmp/key NODE 5f 06 00 00 00 00 00 00 18 00
sent ready-cd 1 NODE 00 00 00 00 00 00
sent elements 2 -r 4096 NODE b8 10 00 00 ff ff 00 00 10 00 00 00
killed 1 1 1
ended register 99 'Host_status=0x0e'
ended ready-cd 99 'Host_status=0x0e'
ended elements 3 'Sense key: Hardware Error'
sg_persist --no-inquiry --in --read-keys "${natives[0]}" >/tmp/keys 2>&1
[ "$(grep -c 0xab /tmp/keys)" = 1 ] || fail "not one registration: $(cat /tmp/keys)"
must as_guest sg_raw "$(disk 2)" 00 00 00 00 00 00
guest_down
