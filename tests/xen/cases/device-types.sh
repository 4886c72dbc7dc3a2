# what: a tape drive, its changer, a CD drive and an enclosure in one guest: its kernel's drivers, tar, mt, mtx, sg3_utils
# seconds: 400
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh
# shellcheck source=tests/support/kernel_tgt.sh
. /job/kernel_tgt.sh

tgt_up
scsi_debug ptype=13
tape=$(tgt_tapes | head -n1)
changer=$(tgt_changer)
natives=("$tape" "$changer" "$(tgt_cd)" "${debug_nodes[0]}")
tape_in 1 0
daemon_start
in_use_begin
entries=()
for i in 0 1 2 3; do entries+=("${natives[i]},0:0:$i:0"); done
guest_start g1 "${entries[@]}"
for i in 0 1 2 3; do expect_lun g1 0:0:$i:0 connected; done
guest_must g1 "wait_for 100 has_luns 4; lsscsi -g; for driver in st ch sr; do ls -A /sys/bus/scsi/drivers/\$driver | grep :; done" | tee /tmp/seen
for type in tape mediumx cd/dvd enclosu; do grep -q "$type" /tmp/seen || fail "the guest sees no $type"; done
for i in 0 1 2; do grep -qx "0:0:$i:0" /tmp/seen || fail "no driver of the guest's has 0:0:$i:0"; done

# What each says of itself is what it says in dom0, when unit attentions have been heard.
answers='for i in 1 2 3; do sg_turs $node >/dev/null 2>&1; done
    for tool in sg_inq "sg_inq -e -p 0x80" "sg_inq -e -p 0x83" sg_turs sg_requests "sg_modes -a" "sg_logs -a" sg_opcodes sg_ses; do
        echo "# $tool"
        $tool $node 2>&1
        echo "status $?"
    done'
different=()
for i in 0 1 2 3; do
    node=${natives[i]} bash -c "$answers" | sed "s,/dev/sg[0-9]*,NODE,g" >/tmp/native.out
    guest_must g1 "node=\$(generic 0:0:$i:0); $answers" | sed "s,/dev/sg[0-9]*,NODE,g" >/tmp/guest.out
    grep -c 'status 0' /tmp/native.out
    diff /tmp/native.out /tmp/guest.out || different+=("0:0:$i:0")
done
[ ${#different[@]} = 0 ] || fail "other answers in the guest (>) than in dom0 (<): ${different[*]}"

# The tape: two archives with a filemark each, in records of 64 KiB and 512 bytes; positions; what is read is what was written.
guest_must g1 'mkdir -p /tmp/a && head -c 1500000 /dev/urandom >/tmp/a/one && head -c 30000 /dev/urandom >/tmp/a/two
    cd /tmp/a && mt -f /dev/nst0 rewind && tar -c -b 128 -f /dev/nst0 one && tar -c -b 1 -f /dev/nst0 two &&
    mt -f /dev/nst0 rewind && tar -d -b 128 -f /dev/nst0 && mt -f /dev/nst0 fsf 1 && tar -d -b 1 -f /dev/nst0'
expect_position() { # COMMAND FILE BLOCK: where the tape is after it, as the guest's driver knows
    guest_must g1 "mt -f /dev/nst0 $1 && mt -f /dev/nst0 status" | tee /tmp/seen
    grep -q "file number = $2" /tmp/seen && grep -q "block number = $3" /tmp/seen || fail "not at block $3 of file $2 after $1"
}
expect_position rewind 0 0
expect_position 'fsf 1' 1 0
expect_position 'fsr 3' 1 3
expect_position 'bsr 2' 1 1
# A record that is shorter than what is asked for, and one that is longer: as the kernel's driver knows them.
guest_must g1 '[ "$(dd if=/dev/nst0 bs=64k count=1 status=none | wc -c)" = 512 ]'
guest_run g1 'mt -f /dev/nst0 rewind; dd if=/dev/nst0 bs=512 count=1 status=none 2>&1 | grep -q "Cannot allocate memory"' ||
    fail "a record longer than what is asked for is no error"
# The daemon's death between two commands leaves the tape where it is.
guest_must g1 'mt -f /dev/nst0 rewind && mt -f /dev/nst0 fsf 1'
daemon_kill
daemon_start
wait_until $((30 * BED_FACTOR)) daemon_took_over 1 || fail "the vhost is not taken over"
guest_must g1 'cd /tmp/a && tar -d -b 1 -f /dev/nst0'

# The changer: the tape goes back and another one comes; the drive says that its medium has changed.
guest_must g1 "mtx -f \$(generic 0:0:1:0) status" | tee /tmp/seen
grep -q 'Data Transfer Element 0:Full' /tmp/seen || fail "the guest's mtx does not see the tape"
guest_must g1 "mtx -f \$(generic 0:0:1:0) unload 1 0 && mtx -f \$(generic 0:0:1:0) load 2 0"
mtx -f "$changer" status | grep -q 'Data Transfer Element 0:Full (Storage Element 2' || fail "the changer itself knows nothing of it"
guest_must g1 'wait_for 20 mt -f /dev/nst0 rewind && cd /tmp/a && tar -c -f /dev/nst0 two && mt -f /dev/nst0 rewind && tar -d -f /dev/nst0'

# The CD: read by the kernel's driver, and not writable.
want=$(sha256sum </tmp/tgt/cd)
[ "$(guest_run g1 'sha256sum </dev/sr0')" = "$want" ] || fail "the CD is not what is in dom0"
guest_run g1 'dd if=/dev/zero of=/dev/sr0 bs=2048 count=1 2>/dev/null' && fail "a CD was written"
expect_guest_quiet g1
guest_destroy g1
expect_no_leftovers
daemon_stop
