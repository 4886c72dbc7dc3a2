# what: fio random and sequential, 512 B to 508 KiB, depth 1 to 32, several jobs, crc32c verified; block and sg
# seconds: 500
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

scsi_debug dev_size_mb=64
daemon_start
guest_start g1 "$(image_file disk.img 64M),0:0:0:0" "${debug_nodes[0]},0:0:0:1"
expect_lun g1 0:0:0:1 connected
guest_must g1 'wait_lun 0:0:0:0; wait_lun 0:0:0:1; grep . /sys/block/sd*/queue/max_sectors_kb'
guest_seconds=$((200 * BED_FACTOR))
for lun in 0 1; do
    guest_must g1 'disk=$(disk 0:0:0:'$lun')
        for size in 512:2m 4k:8m 64k:32m 508k:48m; do
            for depth in 1 8 32; do
                for mode in randwrite write; do
                    verify_fio $disk --rw=$mode --bs=${size%:*} --iodepth=$depth --size=${size#*:} || { echo "$mode $size depth $depth"; exit 1; }
                done
            done
        done
        verify_fio $disk --rw=randrw --bsrange=512-508k --bs_unaligned=0 --blockalign=512 --iodepth=32 --numjobs=3 --size=16m --offset_increment=16m'
done
expect_guest_quiet g1
guest_destroy g1
daemon_stop
