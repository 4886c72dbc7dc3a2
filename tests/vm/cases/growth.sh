# shellcheck shell=bash
# A disk that grows while a guest has it: the guest is told once, whether its own command or this
# host's kernel was the first to hear of it.
# seconds: 200
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
scsi_debug dev_size_mb=8 virtual_gb=1
native=${debug_nodes[0]}
guest_up "$native"
export native guest_node scsi_debug_knobs
guest_node=$(disk 0)

# All of it in one connection: the next one would have nothing to be told.
cat >/tmp/session.sh <<'EOS'
. /job/case.sh
said() { # what the unit has to say besides GOOD
    sg_raw "$guest_node" 00 00 00 00 00 00 2>&1
}
gigabytes() { sg_readcap --brief "$guest_node" | { read -r blocks size; echo $((blocks * size >> 30)); }; }
changed() { said | grep -q 'Capacity data has changed'; }
has() { # GIGABYTES
    [ "$(gigabytes)" = "$1" ] || fail "the guest sees $(gigabytes) GiB, not $1"
    said | grep -q 'Attention' && fail "there is more to tell: $(said)"
    echo "$1 GiB in the guest"
}
for _ in 1 2 3 4; do sg_turs "$guest_node" >/dev/null 2>&1 && break; done
has 1

# The guest's command is the first.
knob virtual_gb 2
changed || fail "the device's own unit attention did not arrive"
has 2

# Nothing is said twice: this host looks again, and has nothing that is new to the guest.
echo 1 >"/sys/class/scsi_generic/${native##*/}/device/rescan"
sleep 7 # it is looked at every five
has 2

# This host's kernel is the first, and swallows it.
knob virtual_gb 3
echo 1 >"/sys/class/scsi_generic/${native##*/}/device/rescan"
wait_until 30 changed || fail "the guest was never told"
has 3
EOS
must as_guest bash /tmp/session.sh
guest_down

# What README.md says of the guest's kernel, by this one: it does not look by itself, and one command
# makes it, while the disk is open.
disk=$(ls "/sys/class/scsi_generic/${native##*/}/device/block")
size() { echo $(($(cat "/sys/block/$disk/size") >> 21)); }
exec 9<"/dev/$disk"
knob virtual_gb 4
must dd if="/dev/$disk" of=/dev/null bs=4k count=1 iflag=direct status=none
sleep 1
[ "$(size)" = 3 ] || fail "the kernel has looked by itself: $(size) GiB"
echo 1 >"/sys/block/$disk/device/rescan"
[ "$(size)" = 4 ] || fail "the kernel was not to be moved: $(size) GiB"
exec 9<&-
scsi_debug_unload
