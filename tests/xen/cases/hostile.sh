# what: a guest whose userspace plays hostile frontend: the daemon and another guest's I/O do not notice
# seconds: 500
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

daemon_start
in_use_begin
guest_start good "$(image_file disk.img 16M),0:0:0:0"
guest_extra="pvscsi.library pvscsi.noscsi"
guest_start bad ram:4M,0:0:0:0
expect_lun good 0:0:0:0 connected
guest_must good 'wait_lun 0:0:0:0'
guest_begin good 'verify_until_stopped $(disk 0:0:0:0) --rw=randwrite --bs=16k --iodepth=4 --size=2m --rate_iops=50 --max_latency='$((5 * BED_FACTOR))'s'
verify=$guest_job
guest_seconds=$((350 * BED_FACTOR))
guest_must bad "echo 4096 >/sys/module/xen_gntalloc/parameters/limit
    /pvscsi/tests/hostile/test-hostile --in-guest --bystander $(guest_id good) --patience $((20 * BED_FACTOR)) --random-seconds 20 --stride 47 --seed $RANDOM | tee /dev/hvc0; exit \${PIPESTATUS[0]}"
expect_daemon_alive
guest_must good 'touch /tmp/stop'
guest_end good "$verify" || fail "the other guest's I/O"
expect_guest_quiet good
expect_lun good 0:0:0:0 connected
guest_destroy bad
guest_destroy good
expect_no_leftovers
daemon_stop
