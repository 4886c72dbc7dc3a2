# what: two guests at once with disks of their own and equal LUN numbers
# seconds: 400
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

daemon_start
in_use_begin
guest_start g1 "$(image_file one.img 16M),0:0:0:0" "ram:8M,0:0:0:1"
guest_start g2 "$(image_file two.img 16M),0:0:0:0" "ram:8M,0:0:0:1"
expect_lun g2 0:0:0:1 connected
expect_in_use
jobs=()
for guest in g1 g2; do
    guest_begin $guest 'wait_lun 0:0:0:1; verify_fio $(disk 0:0:0:0):$(disk 0:0:0:1) --rw=randwrite --bs=4k --iodepth=16 --size=4m
        printf "%-512s" '$guest' | dd of=$(disk 0:0:0:0) bs=512 count=1 oflag=direct status=none'
    jobs+=("$guest_job")
done
guest_end g1 "${jobs[0]}" || fail "verify in g1"
guest_end g2 "${jobs[1]}" || fail "verify in g2"
for guest in g1 g2; do expect_guest_quiet $guest; done
[ "$(head -c 2 "$scratch/one.img")$(head -c 2 "$scratch/two.img")" = g1g2 ] || fail "the disks are mixed up"
guest_destroy g1
guest_must g2 'verify_fio $(disk 0:0:0:1) --rw=randwrite --bs=4k --iodepth=16 --size=4m --max_latency='$((5 * BED_FACTOR))'s'
guest_destroy g2
expect_no_leftovers
daemon_stop
