# An ISO file is a CD: its type, its size, its data; and it cannot be written.
noise disc.iso 4M
host
guest demo "iso:$E2E_DIR/disc.iso,0:0:0:0"
n=$(node 0)
says 'Peripheral device type: cd/dvd' as demo sg_inq "$n"
status_of as demo sg_turs "$n"
says 'Logical block length=2048 bytes' as demo sg_readcap "$n"
grep -q 'Last LBA=2047 ' <<<"$OUTPUT" || fail "its size"
as demo sg_dd if="$n" of=back bs=2048 count=2048
cmp disc.iso back || fail "other data are read"
before=$(checksum disc.iso)
refused '' as demo sg_dd if=/dev/zero of="$n" bs=2048 count=1
[ "$before" = "$(checksum disc.iso)" ] || fail "the ISO file has changed"
grep -qx '0:0:0:0 ro' <(rows demo mode) || fail "the list's mode: $(rows demo mode)"
status_of pvscsi-bench demo 0:0:0:0 --bs=2k --rw=read --runtime=0.2
