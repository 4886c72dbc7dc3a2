# shellcheck shell=bash
# what: the table of backend/README.md is what the other cases saw
for needed in cd-qemu-lsi.cd cd-qemu-virtio.cd changer-tgt.changer tape-tgt.tape disk-lio.reservations disk-scsi_debug.faults \
    disk-{scsi_debug,lio}.{disk,thin} disk-tgt.{adapter,thin} disk-qemu-{lsi,virtio,megasas,mptsas}.adapter; do
    [ -e "/job/records/$needed" ] || { echo "not all other cases ran"; exit 77; }
done
cat /job/records/* | awk -f /job/table.awk | sort >/job/table
sed -n '/^| device | tool/,/^$/p' /job/backend-README.md | grep '^| [a-z]*-' | sort >/tmp/table
diff /tmp/table /job/table && exit
echo "backend/README.md has another table; this is what was seen:"
cat /job/table
exit 1
