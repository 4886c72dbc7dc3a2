# shellcheck shell=bash
# A device that is removed under I/O: its commands end, its LUN is shown failed, others go on.
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
scsi_debug dev_size_mb=16 num_tgts=2
guest_up "${debug_nodes[0]}" "${debug_nodes[1]}"
as_guest fio --name=load --filename="$(fio_disk 0)" --ioengine=sg --direct=1 --rw=randread --bs=4k \
    --size=8m --iodepth=8 --time_based --runtime=60 --output=/tmp/fio.log &
load=$!
# Under I/O: the device has served some.
served() { [ $(($(cat "/sys/class/scsi_generic/${debug_nodes[0]##*/}/device/iodone_cnt"))) -gt "$1" ]; }
wait_until 30 served 300 || fail "no load came up"
echo 1 >"/sys/class/scsi_generic/${debug_nodes[0]##*/}/device/delete"
wait $load && fail "fio ended well on a disk that is gone"
failed() { [ "$(lun_state 0)" = failed ]; }
wait_until 10 failed || { pvscsictl list; fail "the LUN's state is $(lun_state 0)"; }
pvscsictl list
as_guest sg_turs "$(disk 0)" && fail "the removed disk is ready"
must as_guest sg_dd if="$(disk 1)" of=/dev/null bs=512 bpt=128 count=8192
guest_down
scsi_debug_unload
