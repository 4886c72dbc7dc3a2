# shellcheck shell=bash
# what: sg3_utils and mtx on a changer, a tape drive and CD drives; records, filemarks, residuals
# seconds: 900
# shellcheck source=tests/scsi/guest/devices.sh
. /job/devices.sh
tgt_up
qemu_up sym53c8xx 3
qemu_up virtio_scsi 3
lsscsi -g
tape=$(tgt_tapes | head -n1)
natives=("$(tgt_changer)" "$tape" "$(nodes sym53c8xx 5)" "$(nodes virtio_scsi 5)")
guest_up "${natives[@]}"
jobs=()
compare cd-qemu-lsi cd "${natives[2]}" "$(disk 2)" &
jobs+=($!)
compare cd-qemu-virtio cd "${natives[3]}" "$(disk 3)" &
jobs+=($!)
compare changer-tgt changer "${natives[0]}" "$(disk 0)" &
changer=$!
wait "$changer" || jobs+=("$changer")
tape_in 1 0
compare tape-tgt tape "$tape" "$(disk 1)" &
jobs+=($!)
all_equal "${jobs[@]}"
guest_down
