# shellcheck shell=bash
# what: QEMU changes a disc, ejects it, resizes a disk and unplugs one: the guest is told as the host is
# seconds: 300
# shellcheck source=tests/scsi/guest/devices.sh
. /job/devices.sh
qemu_up sym53c8xx 3
qemu_up virtio_scsi 3
outside=$(cat /job/outside)
natives=("$(nodes sym53c8xx 5)" "$(nodes virtio_scsi 5)" "$(nodes sym53c8xx 0 | head -n1)"
    "$(nodes virtio_scsi 0 | head -n1)" "$(nodes sym53c8xx 0 | tail -n1)" "$(nodes virtio_scsi 0 | tail -n1)")
guest_up "${natives[@]}"
cat >/tmp/list <<'EOF'
for i in 1 2 3; do sg_turs -v $NODE; done
sg_readcap $NODE
sg_raw -r 2048 -o $SCRATCH/back $NODE 28 00 00 00 00 00 00 00 01 00; sha256sum <$SCRATCH/back
sg_requests $NODE
EOF
sed 's/-r 2048/-r 512/' /tmp/list >/tmp/list.512
# virtio-scsi has the kernel look at the disk as well: whether that takes the device's word is a race natively, and then
# the daemon finds the new size when it looks after its house, which is every 5 s.
sed '1s/.*/sleep 6; for i in 1 2 3 4; do sg_turs $NODE; done >\/dev\/null 2>\&1; :/' /tmp/list.512 >/tmp/list.quiet
# As list.sh, but the first unit attentions are part of what is looked at.
sed '/sg_turs.*dev.null/d' /job/list.sh >/tmp/look.sh

disc() { # ID FILE
    must qmp '{"execute":"blockdev-change-medium","arguments":{"id":"'"$1"'","filename":"'"$outside/$2"'","format":"raw","read-only-mode":"read-only"}}'
}
eject() { must qmp '{"execute":"eject","arguments":{"id":"'"$1"'","force":true}}'; }
resize() { # DRIVE MIB
    must qmp '{"execute":"block_resize","arguments":{"device":"'"$1"'","size":'$(($2 << 20))'}}'
}
unplug() { must qmp '{"execute":"device_del","arguments":{"id":"'"$1"'"}}'; }

# told NAME LIST UNIT BEFORE CHANGE: the change is made twice, for the host and for the guest.
told() {
    local name=$1 list=$2 unit=$3 side
    for side in native guest; do
        $4
        for _ in 1 2 3 4; do sg_turs "${natives[unit]}"; done >/dev/null 2>&1
        $5
        if [ $side = native ]; then
            bash /tmp/look.sh "$list" "${natives[unit]}" "/tmp/$name.native"
        else
            as_guest bash /tmp/look.sh "$list" "$(disk "$unit")" "/tmp/$name.guest"
        fi
    done
    echo "--- $name"
    cat "/tmp/$name.guest"/*.out
    compare_results "media-$name" "/tmp/$name.native" "/tmp/$name.guest" >/dev/null || fail "$name is told in another way"
}
told disc-lsi /tmp/list 0 "disc lsi-cd lsi.iso" "disc lsi-cd other.iso"
grep -q 'edium not present' /tmp/disc-lsi.guest/*.out || fail "the disc's change is not told"
told eject-lsi /tmp/list 0 "disc lsi-cd lsi.iso" "eject lsi-cd"
grep -q 'edium not present' /tmp/eject-lsi.guest/*.out || fail "the ejected disc is still there"
disc lsi-cd lsi.iso
told disc-virtio /tmp/list 1 "disc virtio-cd virtio.iso" "disc virtio-cd other.iso"
told eject-virtio /tmp/list 1 "disc virtio-cd virtio.iso" "eject virtio-cd"
disc virtio-cd virtio.iso
told size-lsi /tmp/list.512 2 "resize drive-lsi-hd 64" "resize drive-lsi-hd 96"
grep -q 'apacity data has changed' /tmp/size-lsi.guest/*.out || fail "the new capacity is not told"
grep -q 'Number of logical blocks=196608' /tmp/size-lsi.guest/*.out || fail "the capacity is not the new one"
told size-virtio /tmp/list.quiet 3 "resize drive-virtio-hd 64" "resize drive-virtio-hd 96"
grep -q 'Number of logical blocks=196608' /tmp/size-virtio.guest/*.out || fail "the capacity is not the new one"

# Unplugged under load. lsi's driver does not notice: the host adapter says no connect for each command.
load() { # LUN: until a command fails
    as_guest bash -c "while sg_raw -r 512 -o /dev/null $(disk "$1") 28 00 00 00 00 00 00 00 01 00; do :; done; touch /tmp/load.$1.over" >"/tmp/load.$1" 2>&1
}
# Whichever pvscsi-run is the first has the guest's vhost for both, and ends last.
load 4 &
loads=$!
load 5 &
loads+=" $!"
over() { wait_until 60 test -e "/tmp/load.$1.over" || fail "LUN $1 works without its disk"; }
served() { [ $(($(cat "/sys/class/scsi_generic/${1##*/}/device/iodone_cnt"))) -gt "$2" ]; }
# shellcheck disable=SC2002
for unit in 4 5; do
    count=$(cat "/sys/class/scsi_generic/${natives[unit]##*/}/device/iodone_cnt")
    wait_until 30 served "${natives[unit]}" $((count + 5)) || fail "no load came up"
done
unplug gone-virtio
over 5
unplug gone-lsi
over 4
# shellcheck disable=SC2086
wait $loads
tail -n 3 /tmp/load.4 /tmp/load.5
failed() { [ "$(lun_state 5)" = failed ]; }
wait_until 20 failed || fail "the state of the unplugged disk is $(lun_state 5)"
# Beside the host code, lsi's driver leaves a status and sense that mean nothing.
read_one=(-r 512 -o /dev/null)
sg_raw "${read_one[@]}" "${natives[4]}" 28 00 00 00 00 00 00 00 01 00 2>&1 | grep -o 'Host_status=.*' >/tmp/gone.native
as_guest sg_raw "${read_one[@]}" "$(disk 4)" 28 00 00 00 00 00 00 00 01 00 2>&1 | grep -o 'Host_status=.*' >/tmp/gone.guest
grep 'Host_status=0x01' /tmp/gone.native || fail "the host is told: $(cat /tmp/gone.native)"
must diff /tmp/gone.native /tmp/gone.guest
as_guest sg_turs "$(disk 5)" && fail "the unplugged disk is ready"
for unit in 2 3; do must as_guest sg_dd if="$(disk $unit)" of=/dev/null bs=512 bpt=128 count=8192; done
guest_down
