# The informational programs of sg3_utils say of a file-backed disk what is true.
disk disk.img 64M
host
guest demo "file:$DISK,0:0:0:0"
n=$(node 0)

says 'Peripheral device type: disk' as demo sg_inq "$n"
says 'Supported VPD pages' as demo sg_inq -p 0 "$n"
for page in sv sn di bl bdc lbpv; do
    says 'VPD' as demo sg_vpd -p "$page" "$n"
done
says 'Device size: 67108864 bytes' as demo sg_readcap "$n"
says 'Last LBA=131071 ' as demo sg_readcap --16 "$n"
says 'Lun list length = 8' as demo sg_luns "$n"
says '' as demo sg_turs "$n"
says 'Completed 3 Test Unit Ready' as demo sg_turs -n 3 -v "$n"
says '' as demo sg_requests "$n"
says 'Caching' as demo sg_modes "$n"
says 'Inquiry' as demo sg_opcodes "$n"
says '' as demo sg_start --start "$n"
says '' as demo sg_sync "$n"
says 'Received 36 bytes|00 .*' as demo sg_raw -r 36 "$n" 12 00 00 00 24 00
