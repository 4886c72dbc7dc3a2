# shellcheck shell=bash
# Words for commands in a guest; BASH_ENV names this file.

wait_for() { # SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || { echo "not within the time: $*" >&2; return 1; }
        sleep 0.1
    done
}
# disk H:C:T:L, generic H:C:T:L: the node of a LUN
disk() { node_of "$1" block; }
generic() { node_of "$1" scsi_generic; }
node_of() { # H:C:T:L CLASS
    local dirs=("/sys/class/scsi_device/$1/device/$2/"*)
    # Never a name that could be made: a program would write a file there.
    [ -e "${dirs[0]}" ] || { echo "/dev/none/$1"; return 1; }
    echo "/dev/${dirs[0]##*/}"
}
has_lun() { [ -b "$(disk "$1")" ]; }
has_no_lun() { [ ! -e "/sys/class/scsi_device/$1" ]; }
lun_count() { find /sys/class/scsi_device -mindepth 1 -maxdepth 1 | wc -l; }
has_luns() { [ "$(lun_count)" = "$1" ]; }
wait_lun() { wait_for 200 has_lun "$1"; }
# verify_fio FILE [OPTION...]: fio writes and checks what it reads, other data each time
verify_fio() {
    local file=$1
    shift
    fio --name=verify --filename="$file" --direct=1 --ioengine=libaio --verify=crc32c --verify_fatal=1 --randrepeat=0 \
        --thread --minimal "$@" >/tmp/fio.$$ 2>&1 || { cat /tmp/fio.$$; return 1; }
}
# The same again and again until /tmp/stop is there; says how often. Each block has its place and the
# round in it: a write that was lost, or an old one that was made twice, leaves another round's.
verify_until_stopped() { # FILE [OPTION...]
    local rounds=0
    until [ -e /tmp/stop ]; do
        verify_fio "$@" --verify=pattern --verify_pattern="%o0x$(printf %04x%04x $RANDOM $((rounds % 65536)))" || { echo "after $rounds good rounds"; return 1; }
        rounds=$((rounds + 1))
    done
    echo "verified $rounds times"
    [ $rounds -gt 0 ]
}
# readable H:C:T:L: whether a block arrives. (sg_turs ends well with NO CONNECT, too.)
readable() { dd if="$(disk "$1")" of=/dev/null bs=4k count=1 iflag=direct status=none; }
# The same by our library in guest g1.
served_by_library() { pvscsi-run g1 -- sg_readcap "/dev/pvscsi/$1" 2>/dev/null | grep -q 'Number of logical blocks'; }
# file_system_check DISK: makes a file system, fills it, and finds all of it again. Its
# blocks are of 4 KiB: with smaller ones xen-scsifront itself refuses requests (README.md).
file_system_check() {
    local disk=$1 status=0
    modprobe ext4
    mkfs.ext4 -q -F -b 4096 "$disk" || return 1
    mkdir -p /mnt/fs
    mount -t ext4 "$disk" /mnt/fs || return 1
    dd if=/dev/urandom of=/tmp/random bs=64k count=64 status=none
    (cd /mnt/fs && i=0
        while { printf '%-16s' $i; cat /tmp/random; } >"file.$i" 2>/dev/null; do
            i=$((i + 1))
        done
        rm "file.$i"
        echo "files of 4 MiB until it was full: $i"
        sync
        sha256sum file.* >/tmp/before)
    umount /mnt/fs || return 1
    echo 3 >/proc/sys/vm/drop_caches
    e2fsck -fn "$disk" || return 1
    mount -t ext4 -o ro "$disk" /mnt/fs || return 1
    (cd /mnt/fs && sha256sum -c --quiet /tmp/before) || status=1
    umount /mnt/fs
    rm /tmp/random
    return $status
}
