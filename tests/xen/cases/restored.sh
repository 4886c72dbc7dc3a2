# what: xl save and xl restore alone, then restored under another name as a migration does: the daemon knows the files, the I/O goes on; another image is refused
# seconds: 500
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

echo '[domains]
files = ["/tmp/*.cfg"]' >/tmp/pvscsid.toml
daemon_start --config /tmp/pvscsid.toml
in_use_begin
entry="$(image_file disk.img 16M),0:0:0:0"
must xl create "$(guest_config g1 "$entry")"
guest_wait_ready g1 1
expect_lun g1 0:0:0:0 connected
guest_must g1 'wait_lun 0:0:0:0'
guest_begin g1 'verify_until_stopped $(disk 0:0:0:0) --rw=randwrite --bs=4k --iodepth=8 --size=4m'
verify=$guest_job
writes_on() { # GUEST: its commands are being answered
    guest_must "$1" 'written() { read -r _ _ _ _ writes _ </sys/block/$(basename $(disk 0:0:0:0))/stat; }
        written; start=$writes; on() { written; [ $writes -gt $((start + 200)) ]; }; wait_for 200 on'
}
writes_on g1
save() { # GUEST
    must xl save "$1" "$scratch/saved"
    wait_until $((30 * BED_FACTOR)) guest_gone "$1" || fail "the saved guest is still there"
    wait_until $((30 * BED_FACTOR)) has_no_nodes || fail "nodes of the saved guest are left"
}
has_no_nodes() { [ "$(count_nodes)" = 0 ]; }

save g1
# A saved memory that ends too soon: the domain that was begun is given up, and its nodes.
xl restore <(dd if="$scratch/saved" bs=1M count=8 status=none) && fail "restored without its memory"
wait_until $((30 * BED_FACTOR)) has_no_nodes || fail "nodes of a domain that was given up are left"

# Its nodes are there before its memory is, so it need not wait for us when it runs, and they stay
# when another domain ends meanwhile (which was made before: xl makes one at a time).
guest_start_bare other -p
rm -f /tmp/go
xl restore <({
    dd bs=1M count=8 status=none
    until [ -e /tmp/go ]; do pause; done
    cat
} <"$scratch/saved") &
restore=$!
is_begun() { [ "$(xenstore-read "/local/domain/0/backend/vscsi/$(xl domid g1)/0/vscsi-devs/dev-0/state")" = 3 ]; }
wait_until $((30 * BED_FACTOR)) is_begun || fail "the domain whose memory is being read has no LUN"
must xl destroy other
sleep $BED_FACTOR
is_begun || fail "the LUN has gone with another domain"
touch /tmp/go
wait $restore || fail "not restored"
guest_note g1
expect_lun g1 0:0:0:0 connected
writes_on g1

# Another image in its place: refused to who comes back, until the right one is there again.
save g1
mv "$scratch/disk.img" "$scratch/right.img"
image_file disk.img 16M >/dev/null
must xl restore -p "$scratch/saved"
guest_note g1
expect_lun g1 0:0:0:0 failed
pvscsictl list g1 | grep "when the domain was suspended.*pvscsictl accept g1 0:0:0:0" >/dev/null ||
    fail "it is not said why: $(pvscsictl list g1)"
mv "$scratch/right.img" "$scratch/disk.img"
must xl unpause g1
expect_lun g1 0:0:0:0 connected
writes_on g1

save g1
config=$(guest_config g2 "$entry")
rm /tmp/g1.cfg
must xl restore "$config" "$scratch/saved"
guest_note g2
expect_lun g2 0:0:0:0 connected
writes_on g2
guest_must g2 'touch /tmp/stop'
guest_end g2 "$verify" || fail "the I/O did not survive"
guest_must g2 'verify_fio $(disk 0:0:0:0) --rw=randwrite --bs=4k --iodepth=8 --size=4m'
expect_guest_quiet g2
must xl destroy g2
unset 'guest_number[g1]'
expect_no_leftovers
daemon_stop
