# Units of an iSCSI target, of each type, with the programs of each: what they say is what the target
# says to its own kind of initiator, and verified data are right.
tgt
truncate -s 64M disk
noise cd.iso 1M
for tape in one two; do
    tgtimg --op new --device-type tape --barcode "$tape" --size 20 --type data --file "$E2E_DIR/$tape" >/dev/null
done
: >smc
tgt_target 1
tgt_lun 1 1 "$E2E_DIR/disk"
tgt_lun 1 2 "$E2E_DIR/one" tape
tgt_lun 1 3 "$E2E_DIR/cd.iso" cd
tgt_lun 1 4 "$E2E_DIR/smc" changer
for slot in media_home="$E2E_DIR" element_type=1,start_address=1,quantity=1 \
    element_type=2,start_address=100,quantity=2 element_type=4,start_address=200,quantity=1 \
    element_type=4,address=200,tid=1,lun=2 element_type=2,address=100,barcode=two; do
    tgt_made tgt_ctl --op update --mode logicalunit --tid 1 --lun 4 --params "$slot"
done
tgt_made tgt_open 1
host
guest demo "$(tgt_url 1 1),0:0:0:0" "$(tgt_url 1 2),0:0:0:1" "$(tgt_url 1 3),0:0:0:2,ro" \
    "$(tgt_url 1 4),0:0:0:3"
[ "$(rows demo target | sort -u -k 2 | cut -d' ' -f2)" = iscsi ] || fail "targets: $(rows demo target)"
as demo true
[ "$(rows demo error | grep -c ' $')" = 4 ] || fail "reasons: $(rows demo error)"
config two "$(tgt_url 1 1),0:0:0:0"
refused 'domain 1 uses it' bed_ctl create --no-wait two.cfg

for unit in 0 1 2 3; do # the unit attentions of a new session
    status_of as demo sg_turs -n 2 "$(node $unit)"
done
types=(0 1 5 8)
for unit in 0 1 2 3; do
    as demo sg_inq --hex --len=96 "$(node $unit)" >ours
    [ "$((0x$(awk 'NR == 1 { print $2 }' ours) & 31))" = $((types[unit])) ] || fail "unit $unit: $(cat ours)"
done
says 'IET' as demo sg_vpd --page=di "$(node 0)"
says 'Last LBA=131071' as demo sg_readcap "$(node 0)"
says 'ogical block length=2048 bytes' as demo sg_readcap "$(node 2)"

# The disk: what a guest writes is in the target's file.
name=$(node 0)
status_of as demo fio --name=check --filename="${name//:/\\:}" --ioengine=sg --verify=crc32c --verify_fatal=1 \
    --do_verify=1 --rw=randwrite --bsrange=512-256k --bs_unaligned=0 --iodepth=16 --size=32M --runtime=60
[ "$STATUS" -eq 0 ] || fail "fio"
noise data 8M
as demo sg_dd if=data of="$(node 0)" bs=512 bpt=2000
cmp -n 8388608 data disk || fail "writing"
as demo sg_dd if="$(node 0)" of=back bs=512 count=16384 bpt=2000
cmp data back || fail "reading"
# The drive: read only, and read.
as demo sg_dd if="$(node 2)" of=cd.back bs=2048 count=512
cmp cd.iso cd.back || fail "the CD's data"
# The tape: records as long as they were written, marks, and sense data that tell.
n=$(node 1)
head -c 10240 data >record
as demo sg_raw "$n" 01 00 00 00 00 00
as demo sg_raw -s 10240 -i record "$n" 0a 00 00 28 00 00
as demo sg_raw "$n" 10 00 00 00 01 00
as demo sg_raw "$n" 01 00 00 00 00 00
as demo sg_raw -r 10240 -o tape.back "$n" 08 00 00 28 00 00
cmp record tape.back || fail "the tape's data"
status_of as demo sg_raw -r 10240 "$n" 08 00 00 28 00 00
grep -qi filemark <<<"$OUTPUT" || fail "no filemark"
says '' as demo sg_raw -r 6 "$n" 05 00 00 00 00 00
# The changer: two slots, a drive.
says '' as demo sg_raw -r 512 "$(node 3)" b8 10 00 00 00 10 00 00 02 00 00 00
