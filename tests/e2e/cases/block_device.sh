# Block devices: one with 4096-byte blocks, one that gets smaller, one that goes away; the others go
# on. On loop devices.
loop big-blocks.img 8M --sector-size 4096
native=$LOOP
loop smaller.img 8M
smaller=$LOOP
loop gone.img 8M
gone=$LOOP
host
guest demo "$native,0:0:0:0" "$smaller,0:0:0:1" "$gone,0:0:0:2"
noise data 8M
# 4Kn: addressed, written, read, and refused in its own blocks.
as demo bash -euc "
    sg_readcap -16 $(node 0) | grep -q 'Logical block length=4096 bytes'
    sg_readcap -16 $(node 0) | grep -q 'Number of logical blocks=2048'
    sg_dd if=data of=$(node 0) bs=4096 >/dev/null 2>&1
    sg_dd if=$(node 0) of=back bs=4096 >/dev/null 2>&1
    sg_sync $(node 0)
    ! sg_dd if=data of=$(node 0) bs=4096 seek=2048 count=1 >/dev/null 2>&1" || fail "step $?"
cmp data back || fail "other data"
cmp data "$native" || fail "other data on the device"
as demo bash -euc "
    sg_dd if=data of=$(node 1) bs=512 >/dev/null 2>&1
    truncate -s 1M smaller.img
    losetup --set-capacity $smaller
    ! sg_dd if=data of=$(node 1) bs=512 count=8 seek=8192 >/dev/null 2>&1 || exit 11
    sg_turs -v $(node 1) 2>&1 | grep -qi 'Logical unit failure' || exit 12
    [ \$(stat -c %s smaller.img) = 1048576 ] || exit 13
    truncate -s 0 gone.img
    losetup --set-capacity $gone
    ! sg_dd if=$(node 2) of=back bs=512 count=8 >/dev/null 2>&1 || exit 14
    sg_turs -v $(node 2) 2>&1 | grep -qi 'Medium not present' || exit 15
    sg_dd if=data of=$(node 0) bs=4096 >/dev/null 2>&1 || exit 16" || fail "step $?"
has() { grep -q "$1" <(rows demo "$2"); }
until_true 5 has "^0:0:0:1 $smaller was cut short from 8388608 bytes to 1048576" error ||
    fail "reasons: $(rows demo error)"
until_true 5 has "^0:0:0:2 $gone has vanished" error || fail "reasons: $(rows demo error)"
has '^0:0:0:0 $' error || fail "reasons: $(rows demo error)"
