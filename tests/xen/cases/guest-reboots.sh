# what: a guest reboots in mid-I/O, by itself and by xl: the daemon, told of its xl file, gives the new domain its disks, with their data; xl shutdown
# seconds: 300
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

echo '[domains]
files = ["/tmp/*.cfg"]' >/tmp/pvscsid.toml
daemon_start --config /tmp/pvscsid.toml
in_use_begin
must xl create "$(guest_config g1 "$(image_file disk.img 16M),0:0:0:0" "$(image_file other.img 8M),1:0:2:1")"
guest_wait_ready g1 1
# On each of its disks what is to be there after a boot.
labelled='labels() { for lun in 0:0:0:0 1:0:2:1; do wait_lun $lun; "$1" $lun || exit 1; done; }
    label() { printf "%-512s" "is $1" | dd of=$(disk $1) bs=512 count=1 oflag=direct status=none; }
    is_labelled() { [ "$(dd if=$(disk $1) bs=512 count=1 iflag=direct status=none | tr -s " ")" = "is $1 " ]; }'
guest_must g1 "$labelled; labels label"
load_begin() {
    guest_begin g1 'fio --name=io --filename=$(disk 0:0:0:0) --direct=1 --ioengine=libaio --rw=randrw --bs=4k --iodepth=16 --offset=1m --thread --time_based --runtime=600'
    guest_must g1 'has_written() { read -r _ _ _ _ writes _ </sys/block/$(basename $(disk 0:0:0:0))/stat; [ $writes -gt 200 ]; }; wait_for 60 has_written'
}
# rebooted BOOTS: it is another domain then, with the same disks.
rebooted() {
    local before
    before=$(guest_id g1)
    guest_wait_ready g1 "$1"
    [ "$(guest_id g1)" != "$before" ] || fail "the domain is the same"
    expect_lun g1 0:0:0:0 connected
    expect_lun g1 1:0:2:1 connected
    guest_must g1 "$labelled; labels is_labelled"
    guest_must g1 'verify_fio $(disk 0:0:0:0) --rw=randwrite --bs=4k --iodepth=8 --offset=1m --size=1m'
    expect_guest_quiet g1
}
load_begin
guest_begin g1 'reboot -f'
rebooted 2
load_begin
must xl reboot g1
rebooted 3
load_begin
must xl shutdown -w g1
expect_no_leftovers

# Created anew it finds them as well.
must xl create /tmp/g1.cfg
rebooted 4
must xl destroy g1
expect_no_leftovers
daemon_stop
