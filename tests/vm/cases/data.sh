# shellcheck shell=bash
# What a guest writes is what is on the device, and the other way round, by every way of writing.
# seconds: 400
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
scsi_debug dev_size_mb=32
native=${debug_nodes[0]}
guest_up "$native"
dd if=/dev/urandom of=/tmp/data bs=1M count=32 status=none
sum() { sha256sum | cut -d' ' -f1; }
want=$(sum </tmp/data)

# bpt: blocks a command. 128: direct segments; 1016: 508 KiB, indirect.
for blocks in 1 128 200 1016; do
    count=65536
    [ $blocks != 1 ] || count=512
    must as_guest sg_dd if=/tmp/data of="$(disk 0)" bs=512 bpt=$blocks count=$count
    got=$(sg_dd if="$native" bs=512 bpt=256 count=$count | sum)
    [ "$got" = "$(head -c $((count * 512)) /tmp/data | sum)" ] || fail "written by $blocks"
    must sg_dd if=/dev/zero of="$native" bs=512 bpt=256 count=$count
done

must sg_dd if=/tmp/data of="$native" bs=512 bpt=256
for blocks in 128 1016; do
    got=$(as_guest sg_dd if="$(disk 0)" bs=512 bpt=$blocks count=65536 | sum)
    [ "$got" = "$want" ] || fail "read by $blocks"
done
# Several commands at once, by the asynchronous interface.
must as_guest sgp_dd if="$(disk 0)" of=/tmp/back bs=512 bpt=128 thr=8 count=65536
[ "$(sum </tmp/back)" = "$want" ] || fail "read by eight threads"

must as_guest fio --name=verify --filename="$(fio_disk 0)" --ioengine=sg --direct=1 --rw=randwrite \
    --bs=4k --size=8m --iodepth=16 --verify=crc32c --verify_fatal=1 --output=/tmp/fio.log
must as_guest fio --name=big --filename="$(fio_disk 0)" --ioengine=sg --direct=1 --rw=write \
    --bs=256k --size=16m --iodepth=8 --verify=crc32c --verify_fatal=1 --output=/tmp/fio.log
guest_down
scsi_debug_unload
