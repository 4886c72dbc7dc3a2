# what: four vhosts in one guest, LUN 254 and target 63, and 64 LUNs, image files and SCSI disks, attached to a vhost in one go
# seconds: 500
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

# 8 hosts with an own memory each.
scsi_debug dev_size_mb=1 add_host=8 per_host_store=1
entries=("ram:1M,0:0:63:254")
for vhost in 1 2 3; do
    for lun in 0 1; do entries+=("ram:2M,$vhost:0:$vhost:$lun"); done
done
daemon_start
in_use_begin
guest_start g1 "${entries[@]}"
guest_must g1 "wait_for 60 has_luns 7 && ls /sys/class/scsi_host"
entries=()
for lun in {0..55}; do entries+=("$(image_file "$lun.img" 1M),0:0:0:$lun"); done
for lun in {56..63}; do entries+=("${debug_nodes[$((lun - 56))]},0:0:0:$lun"); done
attach g1 "${entries[@]}" | tail -n 1
# It scans one after the other.
guest_seconds=$((150 * BED_FACTOR))
guest_must g1 "wait_for $((120 * BED_FACTOR)) has_luns 71 && lun_count"
connected() { [ "$(pvscsictl list g1 | grep -c ' connected ')" = 71 ]; }
wait_until $((30 * BED_FACTOR)) connected || { pvscsictl list g1; fail "not all are connected"; }
# Every LUN is a disk of its own.
guest_must g1 'for dir in /sys/class/scsi_device/*; do
        wait_lun ${dir##*/} && disk=$(disk ${dir##*/}) && printf "%-512s" ${dir##*/} | dd of=$disk bs=512 count=1 oflag=direct status=none || exit 1
    done
    for dir in /sys/class/scsi_device/*; do
        [ "$(dd if=$(disk ${dir##*/}) bs=512 count=1 iflag=direct status=none | tr -d " ")" = ${dir##*/} ] || { echo ${dir##*/}; exit 1; }
        count=$((count + 1))
    done
    [ $count = 71 ]'
guest_must g1 'for vhost in 0 1 2 3; do
        verify_fio $(disk $(lsscsi $vhost:*:*:0 | head -n1 | tr -d "[]" | cut -d" " -f1)) --rw=randwrite --bs=4k --iodepth=8 --size=1m &
        jobs+=($!)
    done
    for job in ${jobs[@]}; do wait $job || exit 1; done'
expect_guest_quiet g1
guest_destroy g1
expect_no_leftovers
daemon_stop
