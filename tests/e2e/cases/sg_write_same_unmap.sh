# WRITE SAME, UNMAP and COMPARE AND WRITE do what they say, and nothing beyond.
disk disk.img 16M
noise data 16M
host
guest demo "file:$DISK,0:0:0:0"
n=$(node 0)
cp data "$DISK"

head -c 512 data | tr '\0-\377' 'Z' >pattern
as demo sg_write_same --in=pattern --lba=100 --num=50 --16 "$n"
cp data expected
for _ in $(seq 50); do cat pattern; done | dd of=expected bs=512 seek=100 conv=notrunc status=none
cmp expected "$DISK" || fail "WRITE SAME changed other blocks"

as demo sg_unmap --force --lba=2048 --num=2048 "$n"
dd if=/dev/zero of=expected bs=512 seek=2048 count=2048 conv=notrunc status=none
as demo sg_dd if="$n" of=back bs=512 count=32768
cmp expected back || fail "UNMAP: unmapped blocks do not read as zeros, or others do"

dd if="$DISK" bs=512 skip=7 count=1 status=none >both
cat pattern >>both
as demo sg_compare_and_write --in=both --lba=7 --num=1 "$n"
cmp -n 512 pattern <(tail -c +$((7 * 512 + 1)) "$DISK") || fail "COMPARE AND WRITE did not write"
status_of as demo sg_compare_and_write --in=both --lba=7 --num=1 "$n"
[ "$STATUS" -eq 14 ] || fail "a miscompare ends with $STATUS, not 14"
