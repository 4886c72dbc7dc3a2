# what: our frontend library in a guest with our daemon: list, tools, data, pvscsi-bench verify
# seconds: 300
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

guest_extra="pvscsi.library pvscsi.noscsi"
daemon_start
in_use_begin
guest_start g1 "$(image_file disk.img 16M),0:0:0:0" "ram:8M,0:0:0:1"
guest_must g1 'mkdir -p /run/pvscsi; pvscsi-run g1 --list' | tee /tmp/nodes
[ "$(wc -l </tmp/nodes)" = 2 ] || fail "not two nodes"
guest_must g1 'pvscsi-run g1 -- sg_inq /dev/pvscsi/0:0:0:0 && pvscsi-run g1 -- sg_readcap /dev/pvscsi/0:0:0:0'
guest_must g1 'dd if=/dev/urandom of=/tmp/data bs=64k count=64 status=none
    pvscsi-run g1 -- sg_dd if=/tmp/data of=/dev/pvscsi/0:0:0:0 bs=512 bpt=128 &&
    pvscsi-run g1 -- sg_dd if=/dev/pvscsi/0:0:0:0 of=/tmp/back bs=512 bpt=128 count=8192 && cmp /tmp/data /tmp/back'
# The kernel lets a domain grant 1024 pages in all; who reaches that is told so.
guest_run g1 "pvscsi-bench g1 0:0:0:1 --bs 508k --iodepth 8 --runtime 1" | tee /tmp/said
grep -q 'xen_gntalloc/parameters/limit' /tmp/said || fail "the limit of gntalloc is not named"
guest_must g1 'echo 4096 >/sys/module/xen_gntalloc/parameters/limit'
for size in 4k 64k 508k; do
    guest_must g1 "pvscsi-bench g1 0:0:0:1 --rw randwrite --bs $size --iodepth 8 --runtime 3 --verify"
done
guest_destroy g1
expect_no_leftovers
daemon_stop
