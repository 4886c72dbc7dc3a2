# shellcheck shell=bash
# A passed-through disk: without policy= what reaches further than the unit does not reach the device,
# and all else does; other policies, and audit. The commands that the device gets are counted by
# the kernel.
# seconds: 300
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
scsi_debug dev_size_mb=16 num_tgts=3 lbpu=1
node=${debug_nodes[0]}
guest_up "$node" "${debug_nodes[1]},policy=audit:disk" "${debug_nodes[2]},policy=all"
for lun in 0 1 2; do
    for _ in 1 2 3 4; do as_guest sg_turs "$(disk $lun)" && break; done
done
done_by() { printf '%d\n' "$(cat "/sys/class/scsi_generic/${debug_nodes[$1]##*/}/device/iodone_cnt")"; }
ends_with() { # TEXT COMMAND...
    local text=$1
    shift
    "$@" >/tmp/out 2>&1 && [ -n "$text" ] && { cat /tmp/out; fail "it ended well: $*"; }
    grep -qi -- "$text" /tmp/out || { cat /tmp/out; fail "\"$text\" was not said by: $*"; }
}
opcode='Invalid command operation code' field='Invalid field in cdb'

before=$(done_by 0)
ends_with "$opcode" as_guest sg_raw "$(disk 0)" c1 00 00 00 00 00 00 00 00 00
ends_with "$field" as_guest sg_raw -s 8 -i /dev/zero "$(disk 0)" a4 0a 00 00 00 00 00 00 00 08 00 00
for mode in 04 05 06 07 0d 0e 0f; do
    ends_with "$field" as_guest sg_raw -s 512 -i /dev/zero "$(disk 0)" 3b $mode 00 00 00 00 00 02 00 00
done
ends_with "$field" as_guest sg_raw "$(disk 0)" 1d 05 00 00 00 00
printf '\0\0\0\0\031\06\0\0\0\0\0\0' >/tmp/list
ends_with 'Invalid field in parameter list' as_guest sg_raw -s 12 -i /tmp/list "$(disk 0)" 15 10 00 00 0c 00
ends_with "$field" as_guest sg_raw "$(disk 0)" 28 00 00 00 00 00 00 00 01 00 # no buffer
[ "$(done_by 0)" = "$before" ] || fail "$(($(done_by 0) - before)) of them got to the device"

# What an own disk is used for gets there.
must as_guest sg_dd if=/dev/zero of="$(disk 0)" bs=512 count=64
must as_guest sg_unmap --force --lba=0 --num=8 "$(disk 0)"
must as_guest sg_sync "$(disk 0)"
must as_guest sg_start --start "$(disk 0)"
must as_guest sg_senddiag --test "$(disk 0)"
as_guest sg_opcodes "$(disk 0)" >/tmp/opcodes 2>&1 || { tail -5 /tmp/opcodes; fail "sg_opcodes"; }
as_guest sdparm --set=WCE=0 "$(disk 0)" >/tmp/sdparm 2>&1 || { cat /tmp/sdparm; fail "sdparm"; }
as_guest sg_turs "$(disk 0)" # scsi_debug tells also who has changed its mode page
must as_guest sg_raw "$(disk 0)" 16 00 00 00 00 00 # RESERVE(6)
must as_guest sg_raw "$(disk 0)" 17 00 00 00 00 00

# audit: the device gets it and says what it thinks of it.
before=$(done_by 1)
must as_guest sg_raw "$(disk 1)" 16 00 00 00 00 00
must as_guest sg_raw "$(disk 1)" 17 00 00 00 00 00
ends_with "$opcode" as_guest sg_raw "$(disk 1)" c1 00 00 00 00 00 00 00 00 00
[ "$(done_by 1)" = $((before + 3)) ] || fail "$(($(done_by 1) - before)) of three got to the device"
says_noted() { grep -qF "$1" "$BED_DIR/pvscsid.log"; }
for line in 'policy=default refuses opcode=3b action=05 (WRITE BUFFER: microcode, save) class=firmware' \
    'policy=disk would refuse opcode=c1 action=00 (not known) class=vendor times=1'; do
    wait_until 30 says_noted "$line" || fail "the log does not say \"$line\""
done

# all: not even the form is looked at.
before=$(done_by 2)
ends_with "$opcode" as_guest sg_raw "$(disk 2)" c1 00 00 00 00 00 00 00 00 00
ends_with '' as_guest sg_raw "$(disk 2)" 28 00 00 00 00 00 00 00 01 00
[ "$(done_by 2)" = $((before + 2)) ] || fail "$(($(done_by 2) - before)) of two got to the device"
guest_down
scsi_debug_unload
