# what: sg3_utils in the guest say of a passed-through disk what they say of it in dom0
# seconds: 300
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

scsi_debug dev_size_mb=16 lbpu=1 lbpws=1 lbpws10=1 removable=0 ptype=0
device=${debug_nodes[0]}
daemon_start
in_use_begin
guest_start g1 "$device,0:0:0:0"
expect_lun g1 0:0:0:0 connected
guest_must g1 'wait_lun 0:0:0:0'
node=$(guest_run g1 'generic 0:0:0:0')
sg_turs "$device" >/dev/null 2>&1
differences=0 compared=0
same() {
    local native=0 guest=0
    "${@//NODE/$device}" >/tmp/native.out 2>&1 || native=$?
    guest_run g1 "${*//NODE/$node}" >/tmp/guest.out || guest=$?
    sed -i "s,$device,NODE,g" /tmp/native.out
    sed -i "s,$node,NODE,g" /tmp/guest.out
    compared=$((compared + 1))
    [ $native = $guest ] && cmp -s /tmp/native.out /tmp/guest.out && { echo "same: $* (status $guest)"; return; }
    echo "DIFFERENT: $* (status $native in dom0, $guest in the guest)"
    diff /tmp/native.out /tmp/guest.out
    differences=$((differences + 1))
}
same sg_inq NODE
same sg_inq -e -p 0 NODE
for page in sn di bl bdc lbpv; do same sg_vpd -p $page NODE; done
same sg_readcap NODE
same sg_readcap --long NODE
same sg_luns NODE
same sg_modes -a NODE
same sg_logs -a NODE
same sg_requests NODE
same sg_turs NODE
same sg_opcodes NODE
same sg_persist --in --read-keys NODE
same sg_persist --in --report-capabilities NODE
same sg_write_same --lba=64 --num=8 --in=/dev/zero --xferlen=512 NODE
same sg_unmap --lba=128 --num=8 NODE
same sg_get_lba_status --lba=0 NODE
same sg_sync NODE
same sg_start --start NODE
same sg_raw -r 64 NODE 12 01 ff 00 40 00
same sg_dd if=NODE of=/dev/null bs=512 count=2048 bpt=64 verbose=0
[ $differences = 0 ] || fail "$differences of $compared tools differ"
expect_guest_quiet g1
guest_destroy g1
expect_no_leftovers
daemon_stop
