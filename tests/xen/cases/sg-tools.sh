# what: sg3_utils in the guest say of disks that are passed through what they say in dom0, and do the same; of a file they say what they should
# seconds: 400
# boot: own
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh
# shellcheck source=tests/xen/lib-lio.sh
. /job/lib-lio.sh

scsi_debug dev_size_mb=16 lbpu=1 lbpws=1 lbpws10=1 lbprz=1 removable=0 ptype=0
lio_own_disk || fail "no disk of LIO in dom0"
keeper=/dev/$(basename "/sys/block/${lio_own#/dev/}/device/scsi_generic/"*) # it knows reservations
daemon_start
in_use_begin
guest_start g1 "${debug_nodes[0]},0:0:0:0" "$(image_file disk.img 16M),0:0:0:1" "$keeper,0:0:0:2"
expect_lun g1 0:0:0:2 connected
guest_must g1 'wait_lun 0:0:0:0; wait_lun 0:0:0:1; wait_lun 0:0:0:2'
differences=0 compared=0 but_for_length=false
compare() { # DEVICE-IN-DOM0 ADDRESS
    device=$1
    node=$(guest_run g1 "generic $2")
    sg_turs "$device" >/dev/null 2>&1
    guest_run g1 "sg_turs $node" >/dev/null
}
same() { # STATUS TOOL...: both end so, with the same output
    local expected=$1 native=0 guest=0
    shift
    "${@//NODE/$device}" >/tmp/native.out 2>&1 || native=$?
    guest_run g1 "${*//NODE/$node}" >/tmp/guest.out || guest=$?
    ! $but_for_length || sed -i '/Maximum transfer length:/d' /tmp/native.out /tmp/guest.out
    sed -i "s,$device,NODE,g" /tmp/native.out
    sed -i "s,$node,NODE,g" /tmp/guest.out
    compared=$((compared + 1))
    [ $native = "$expected" ] && [ $guest = "$expected" ] && cmp -s /tmp/native.out /tmp/guest.out && { echo "same: $* (status $guest)"; return; }
    echo "DIFFERENT: $* (status $native in dom0, $guest in the guest, $expected expected)"
    diff /tmp/native.out /tmp/guest.out
    differences=$((differences + 1))
}
compare "${debug_nodes[0]}" 0:0:0:0
same 0 sg_inq NODE
same 0 sg_inq -e -p 0 NODE
for page in sn di bdc lbpv; do same 0 sg_vpd -p $page NODE; done
# The ring carries less in one command than the disk takes, and says so: 1024 pages.
said=$(guest_run g1 "sg_vpd -p bl $node")
grep -q 'Maximum transfer length: 8192 blocks' <<<"$said" || { echo "$said"; fail "the limit of the ring is not told"; }
but_for_length=true
same 0 sg_vpd -p bl NODE
but_for_length=false
same 0 sg_readcap NODE
same 0 sg_readcap --long NODE
same 0 sg_modes -a NODE
same 0 sg_logs -a NODE
same 0 sg_requests NODE
same 0 sg_turs NODE
same 0 sg_opcodes NODE
same 0 sg_sync NODE
same 0 sg_start --start NODE
same 5 sg_raw -r 64 NODE 12 01 ff 00 40 00
same 0 sg_dd if=NODE of=/dev/null bs=512 count=2048 bpt=64 verbose=0

# What changes the medium does so: seen from dom0.
head -c 65536 /dev/zero | tr '\0' x >/tmp/full
must sg_dd if=/tmp/full of="$device" bs=512 count=128 bpt=64
guest_must g1 "sg_write_same --lba=16 --num=8 --in=/dev/zero --xferlen=512 $node && sg_unmap --force --lba=32 --num=8 $node"
must sg_dd if="$device" of=/tmp/now bs=512 count=128 bpt=64
{ head -c 8192 /tmp/full; head -c 4096 /dev/zero; head -c 4096 /tmp/full; head -c 4096 /dev/zero; head -c 45056 /tmp/full; } >/tmp/wanted
cmp /tmp/wanted /tmp/now || fail "write_same or unmap did something else"
same 0 sg_get_lba_status --lba=32 NODE
sg_get_lba_status --lba=32 "$device" | grep -qi deallocated || fail "nothing was unmapped"

# A registration by the guest is the device's.
compare "$keeper" 0:0:0:2
same 0 sg_persist --in --report-capabilities NODE
guest_must g1 "sg_persist --out --register --param-sark=0xabc $node && sg_persist --out --reserve --param-rk=0xabc --prout-type=5 $node"
same 0 sg_persist --in --read-keys NODE
same 0 sg_persist --in --read-reservation NODE
sg_persist --in --read-reservation "$keeper" | grep -q 0xabc || fail "the device knows no reservation of the guest's"
guest_must g1 "sg_persist --out --clear --param-rk=0xabc $node"
[ $differences = 0 ] || fail "$differences of $compared tools differ"

# A file, with no device to compare it with: each tool ends well and says what it should.
node=$(guest_run g1 'generic 0:0:0:1')
says() { # TEXT TOOL...
    local text=$1 said
    shift
    said=$(guest_run g1 "${*//NODE/$node}") || { echo "$said"; fail "$* ends with an error"; }
    grep -q -- "$text" <<<"$said" || { echo "$said"; fail "$* does not say '$text'"; }
}
says 'Vendor identification: PVSCSI' sg_inq NODE
says 'Unit serial number' sg_vpd -p sn NODE
says 'designator type' sg_vpd -p di NODE
says 'Maximum unmap LBA count' sg_vpd -p bl NODE
says 'Medium rotation rate' sg_vpd -p bdc NODE
says 'Unmap command supported (LBPU): 1' sg_vpd -p lbpv NODE
says 'Number of logical blocks=32768' sg_readcap NODE
says 'lbpme=1' sg_readcap --long NODE
says '3 lun entries' sg_luns NODE # the guest's own, not the device's neighbours
says 'Caching' sg_modes -a NODE
says 'PVSCSI *DISK' sg_logs NODE
says 'No Sense' sg_requests -d NODE
says 'Unmap' sg_opcodes NODE
says '' sg_sync NODE
says '' sg_turs NODE
says '' sg_start --start NODE
# In the image, too.
guest_must g1 "head -c 65536 /dev/zero | tr '\\0' x >/tmp/full; sg_dd if=/tmp/full of=$node bs=512 count=128 bpt=64 &&
    sg_write_same --lba=16 --num=8 --in=/dev/zero --xferlen=512 $node && sg_unmap --force --lba=32 --num=8 $node && sg_sync $node"
cmp /tmp/wanted <(head -c 65536 "$scratch/disk.img") || fail "write_same or unmap of the file did something else"
expect_guest_quiet g1
guest_destroy g1
expect_no_leftovers
daemon_stop
