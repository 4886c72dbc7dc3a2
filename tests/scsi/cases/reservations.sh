# shellcheck shell=bash
# what: persistent and SCSI-2 reservations by a guest that has the unit alone and by another host (LIO)
# seconds: 600
# shellcheck source=tests/scsi/guest/devices.sh
. /job/devices.sh
lio_up
guest_up "${lio_nodes[0]}"

# What A, the guest, and B, the other host, say and are told, in turns: SHELL: LINE; the unit is $NODE.
sequence() {
    local type
    pr() { echo "$1: sg_persist $2 \$NODE"; }
    io() { # both read and write
        local who
        for who in A B; do
            echo "$who: sg_dd if=\$NODE of=/dev/null bs=512 count=1"
            echo "$who: sg_dd if=/dev/zero of=\$NODE bs=512 count=1"
            echo "$who: sg_turs \$NODE"
        done
    }
    pr A '--in --report-capabilities'
    pr A '--out --clear --param-rk=0x99'
    for type in 1 3 5 6 7 8; do
        pr A '--out --register --param-sark=0xa'
        pr A "--out --reserve --param-rk=0xa --prout-type=$type"
        pr B '--in --read-reservation'
        io
        pr B "--out --reserve --param-rk=0xb --prout-type=$type"
        pr B '--out --register --param-sark=0xb'
        io
        pr B "--out --reserve --param-rk=0xb --prout-type=$type"
        pr A '--in --read-full-status'
        pr B "--out --release --param-rk=0xb --prout-type=$type"
        pr A "--out --release --param-rk=0xa --prout-type=$((type == 1 ? 3 : 1))"
        pr B "--out --preempt --param-rk=0xb --param-sark=0xa --prout-type=$type"
        echo 'A: sg_turs -v $NODE'
        io
        pr A '--in --read-keys'
        pr B '--in --read-reservation'
        pr A '--out --register --param-rk=0xa --param-sark=0xc'
        pr A '--out --register-ignore --param-sark=0xc'
        pr B '--out --clear --param-rk=0xb'
        echo 'A: sg_turs -v $NODE'
        pr A '--in --read-keys'
    done
    # As fence_scsi does: both join, B fences A, A is unfenced. (It would preempt and abort: devices.sh.)
    pr A '--out --register-ignore --param-sark=0x10001'
    pr A '--out --reserve --param-rk=0x10001 --prout-type=5'
    pr B '--out --register-ignore --param-sark=0x10002'
    pr B '--out --reserve --param-rk=0x10002 --prout-type=5'
    pr B '--out --preempt --param-rk=0x10002 --param-sark=0x10001 --prout-type=5'
    io
    pr A '--out --register-ignore --param-sark=0x10001'
    io
    pr B '--out --clear --param-rk=0x10002'
    io
    # Kept over a loss of power, and moved to the other one.
    pr A '--out --register --param-sark=0xd --param-aptpl'
    pr A '--in --report-capabilities'
    pr A '--out --reserve --param-rk=0xd --prout-type=3'
    echo 'A: sed "/PR_REG_END/q" /var/target/pr/aptpl_pvscsi-lio-0 | grep -v "^PR_REG"'
    pr A '--out --clear --param-rk=0xd'
    # SCSI-2. (RESERVE for a third party is the policy's to refuse, like unknown kinds of PERSISTENT RESERVE OUT.)
    echo 'A: sg_raw $NODE 16 00 00 00 00 00'
    io
    echo 'B: sg_raw $NODE 16 00 00 00 00 00'
    echo 'B: sg_raw $NODE 17 00 00 00 00 00'
    io
    pr B '--out --register --param-sark=0xb'
    echo 'A: sg_raw $NODE 17 00 00 00 00 00'
    io
    # Parameter lists of no meaning.
    echo 'A: sg_raw -s 8 -i /dev/zero $NODE 5f 00 00 00 00 00 00 00 08 00'
    echo 'A: sg_raw -r 8 $NODE 5e 1f 00 00 00 00 00 00 08 00'
    echo 'A: sg_raw -vvv $NODE 5e 00 00 00 00 00 00 00 00 00'
    echo 'A: sg_raw -vvv -r 4 $NODE 5e 00 00 00 00 00 00 00 04 00'
}
play() { # RESULT NODE-OF-A NODE-OF-B
    local who line
    local -A node=([A]=$2 [B]=$3)
    # The unit attentions of the start go to whoever comes first.
    for who in A B; do
        shell_run $who 'for _ in 1 2 3 4; do sg_turs '"${node[$who]}"'; done' >/dev/null
    done
    while IFS=' ' read -r who line; do
        who=${who%:}
        echo "$who: $line"
        # The device counts all registrations there ever were.
        shell_run "$who" "NODE=${node[$who]}; $line"
    done < <(sequence) >"$1"
    sed -i "s,$2\\>,NODE,g; s,$3\\>,NODE,g; s/generation=0x[0-9a-f]*/generation=N/I; s/0x[0-9a-f]\{8,\}/ADDRESS/g" "$1"
}
shell_open A env
shell_open B env
play /tmp/native "${lio_nodes[0]}" "${lio_nodes[2]}"
shell_close A
shell_close B
echo "natively: $SECONDS s"
shell_open A pvscsi-run g --
shell_open B env
play /tmp/guests "$(disk 0)" "${lio_nodes[2]}"
shell_close A
shell_close B
echo "all: $SECONDS s"
lines=$(grep -c '^[AB]: ' /tmp/native)
conflicts=$(grep -ci 'reservation conflict' /tmp/native)
echo "$lines lines, $conflicts reservation conflicts"
[ "$conflicts" -gt 40 ] || { cat /tmp/native; fail "nothing is kept from anybody"; }
printf 'disk-lio\tsg_persist\t%s\t%s\n' "a guest and a host: $lines commands, $conflicts conflicts" \
    "$(cmp -s /tmp/native /tmp/guests && echo equal || echo different)" >/job/records/disk-lio.reservations
diff /tmp/native /tmp/guests || fail "they are told something else"
guest_down
