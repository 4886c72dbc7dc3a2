# A LUN with the option ro is read, and refuses writes with DATA PROTECT.
disk disk.img 4M
noise "$DISK" 4M
host
guest demo "file:$DISK,0:0:0:0,ro"
n=$(node 0)
before=$(checksum "$DISK")
as demo sg_dd if="$n" of=back bs=512 count=8192
cmp back "$DISK" || fail "other data are read"
status_of as demo sg_raw -s 512 -i /dev/zero "$n" 2a 00 00 00 00 00 00 00 01 00
[ "$STATUS" -eq 7 ] || fail "writing ends with $STATUS, not 7 (data protect)"
[ "$before" = "$(checksum "$DISK")" ] || fail "the file has changed"
