# what: a guest reboots in mid-I/O: the daemon, told of its xl file, gives the new domain its disk, with its data
# seconds: 300
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

echo '[domains]
files = ["/tmp/*.cfg"]' >/tmp/pvscsid.toml
daemon_start --config /tmp/pvscsid.toml
in_use_begin
must xl create "$(guest_config g1 "$(image_file disk.img 16M),0:0:0:0")"
guest_wait_ready g1 1
first=$(guest_id g1)
expect_lun g1 0:0:0:0 connected
guest_must g1 'wait_lun 0:0:0:0; printf "%-512s" before | dd of=$(disk 0:0:0:0) bs=512 count=1 oflag=direct status=none'
guest_begin g1 'fio --name=io --filename=$(disk 0:0:0:0) --direct=1 --ioengine=libaio --rw=randrw --bs=4k --iodepth=16 --offset=1m --thread --time_based --runtime=600'
guest_must g1 'has_written() { read -r _ _ _ _ writes _ </sys/block/$(basename $(disk 0:0:0:0))/stat; [ $writes -gt 200 ]; }; wait_for 60 has_written'
guest_begin g1 'reboot -f'
guest_wait_ready g1 2
[ "$(guest_id g1)" != "$first" ] || fail "the domain is the same"
expect_lun g1 0:0:0:0 connected
guest_must g1 'wait_lun 0:0:0:0; [ "$(dd if=$(disk 0:0:0:0) bs=512 count=1 iflag=direct status=none | tr -d " ")" = before ]'
guest_must g1 'verify_fio $(disk 0:0:0:0) --rw=randwrite --bs=4k --iodepth=8 --size=1m'
expect_guest_quiet g1
must xl destroy g1
expect_no_leftovers
daemon_stop
