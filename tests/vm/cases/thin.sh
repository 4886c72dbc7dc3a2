# shellcheck shell=bash
# A thin disk in the guest: what it gives back is given back on the device, and COMPARE AND WRITE is
# one step there.
# seconds: 200
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
scsi_debug dev_size_mb=16 lbpu=1 lbpws=1 lbpws10=1 lbprz=1
native=${debug_nodes[0]}
guest_up "$native"
node=$(disk 0)
as_guest bash -c "for _ in 1 2 3 4; do sg_turs $node && break; done" >/dev/null 2>&1

must sg_dd if=/dev/zero of=/tmp/zeros bs=512 count=64
dd if=/dev/urandom of=/tmp/data bs=512 count=64 status=none
is_there() { # LBA FILE
    rm -f /tmp/there
    sg_dd if="$native" of=/tmp/there bs=512 skip="$1" count=$(($(stat -c %s "$2") / 512)) 2>/dev/null || return 1
    cmp -s /tmp/there "$2"
}
given_back() { # LBA: on the device, and as the guest sees it
    sg_get_lba_status --lba="$1" --brief "$native" | grep -Eq '0x.* 0x.* 1' || {
        sg_get_lba_status --lba="$1" "$native"; fail "the blocks at $1 are not given back"; }
    must diff <(sg_get_lba_status --lba="$1" "$native") <(as_guest sg_get_lba_status --lba="$1" "$node")
    is_there "$1" /tmp/zeros || fail "the blocks at $1 are not zeros"
}
written() { # LBA
    must as_guest sg_dd if=/tmp/data of="$node" bs=512 seek="$1" count=64
    is_there "$1" /tmp/data || fail "the blocks at $1 were not written"
}
for lba in 64 256 512 1024; do written $lba; done
must as_guest sg_unmap --force --lba=64 --num=64 "$node"
given_back 64
must as_guest sg_write_same --unmap --10 --lba=256 --num=64 --xferlen=512 --in=/dev/zero "$node"
given_back 256
must as_guest sg_write_same --unmap --16 --lba=512 --num=64 --xferlen=512 --in=/dev/zero "$node"
given_back 512
is_there 1024 /tmp/data || fail "more was given back than asked for"
must as_guest sg_write_same --16 --lba=1024 --num=64 --xferlen=512 --in=/dev/zero "$node"
is_there 1024 /tmp/zeros || fail "WRITE SAME wrote something else"

# One block that is compared, and one to write.
written 2048
dd if=/tmp/data bs=512 count=1 status=none >/tmp/pair
dd if=/dev/urandom bs=512 count=1 status=none >>/tmp/pair
tail -c 512 /tmp/pair >/tmp/new
must as_guest sg_compare_and_write --in=/tmp/pair --lba=2048 --num=1 --xferlen=1024 "$node"
is_there 2048 /tmp/new || fail "it was not written"
as_guest sg_compare_and_write --in=/tmp/pair --lba=2048 --num=1 --xferlen=1024 "$node"
status=$?
[ $status = 14 ] || fail "status $status of what does not compare, not MISCOMPARE"
is_there 2048 /tmp/new || fail "it was written"
guest_down
scsi_debug_unload
