# A backing that is cut short under a running guest: it is not grown again by a write, every later
# command is told, the list has the reason, the other LUNs go on, and the guest's next connection
# finds it as it is by then.
disk disk.img 4M
cut=$DISK
disk other.img 4M
host
guest demo "file:$cut,0:0:0:0" "file:$DISK,0:0:0:1"
noise data 4M
failure='Logical unit failure'
as demo bash -euc "
    sg_dd if=data of=$(node 0) bs=512 >/dev/null 2>&1
    truncate -s 0 $cut
    ! sg_dd if=data of=$(node 0) bs=512 count=8 seek=4096 >/dev/null 2>&1 || exit 11
    [ \$(stat -c %s $cut) = 0 ] || exit 12
    ! sg_dd if=$(node 0) of=back bs=512 count=8 >/dev/null 2>&1 || exit 13
    [ ! -s back ] || exit 14
    sg_turs -v $(node 0) 2>&1 | grep -qi '$failure' || exit 15
    sg_readcap $(node 0) 2>&1 | grep -qi '$failure' || exit 16
    sg_inq $(node 0) >/dev/null || exit 17
    sg_dd if=data of=$(node 1) bs=512 >/dev/null 2>&1 || exit 18" || fail "step $?"
cmp data other.img || fail "the other LUN does not work"
until_true 5 grep -q '^0:0:0:0 failed' < <(rows demo state) || fail "states: $(rows demo state)"
grep -q "^0:0:0:0 .*$cut was cut short from 4194304 bytes to 0" <(rows demo error) ||
    fail "reasons: $(rows demo error)"
grep -q '^0:0:0:1 $' <(rows demo error) || fail "reasons: $(rows demo error)"
# Still 0 bytes: refused again, in so many words.
as demo sg_turs "$(node 1)"
grep -q '^0:0:0:0 .*too small' <(rows demo error) || fail "reasons: $(rows demo error)"
truncate -s 2M "$cut"
says 'Number of logical blocks=4096' as demo sg_readcap "$(node 0)"
grep -q '^0:0:0:0 $' <(rows demo error) || fail "reasons: $(rows demo error)"
