# shellcheck shell=bash
# A disk that is attached read-only can be read, refuses what would write, and says so.
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
scsi_debug dev_size_mb=16
guest_up "${debug_nodes[0]},ro"
for _ in 1 2 3 4; do as_guest sg_turs "$(disk 0)" && break; done
must as_guest sg_dd if="$(disk 0)" of=/tmp/before bs=512 count=64
as_guest sg_dd if=/dev/urandom of="$(disk 0)" bs=512 count=64 >/tmp/write 2>&1 && fail "it was written"
grep -qi "protect" /tmp/write || { cat /tmp/write; fail "the reason is not said"; }
as_guest sg_unmap --force --lba=0 --num=8 "$(disk 0)" >/tmp/unmap 2>&1 && fail "it was unmapped"
as_guest sg_format --format --quick "$(disk 0)" >/tmp/format 2>&1 && fail "it was formatted"
must cmp /tmp/before <(sg_dd if="${debug_nodes[0]}" bs=512 count=64 2>/dev/null)
must as_guest sg_modes "$(disk 0)" >/tmp/modes
grep -q "WP=1" /tmp/modes || { cat /tmp/modes; fail "WP is not set"; }
guest_down
scsi_debug_unload
