# what: fio random and sequential, 512 B to 508 KiB, depth 1 to 32, several jobs, crc32c verified; block and sg
# seconds: 500
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

scsi_debug dev_size_mb=64
daemon_start
in_use_begin
guest_start g1 "$(image_file disk.img 64M),0:0:0:0" "${debug_nodes[0]},0:0:0:1"
expect_lun g1 0:0:0:1 connected
guest_must g1 'wait_lun 0:0:0:0; wait_lun 0:0:0:1; for limit in /sys/block/sd*/queue/max_sectors_kb; do [ $(<$limit) -ge 508 ] || { grep . $limit; exit 1; }; done'
guest_seconds=$((200 * BED_FACTOR))
# One process for all that is to be done to a disk: starting fio takes as long as the least of it.
for lun in 0 1; do
    guest_must g1 'disk=$(disk 0:0:0:'$lun')
        for size in 512:512k 4k:2m 64k:8m 508k:16m; do
            for depth in 1 8 32; do
                for mode in randwrite write; do
                    printf "[%s %s depth %s]\nrw=%s\nbs=%s\niodepth=%s\nsize=%s\nstonewall\n" $mode ${size%:*} $depth $mode ${size%:*} $depth ${size#*:}
                done
            done
        done >/tmp/matrix.fio
        fio --filename=$disk --direct=1 --ioengine=libaio --verify=crc32c --verify_fatal=1 --thread --minimal /tmp/matrix.fio >/tmp/fio.out 2>&1 || { cat /tmp/fio.out; exit 1; }
        [ "$(grep -c "^3;fio" /tmp/fio.out)" = 24 ] || { cat /tmp/fio.out; exit 1; }
        verify_fio $disk --rw=randrw --bsrange=512-508k --bs_unaligned=0 --blockalign=512 --iodepth=32 --numjobs=3 --size=8m --offset_increment=16m'
done
expect_guest_quiet g1
guest_destroy g1
expect_no_leftovers
daemon_stop
