# shellcheck shell=bash
# The bed: Debian's Xen, a dom0 and a PV guest out of Debian packages, built once into a cache
# folder, and the command that boots it in plain emulation. Sourced by run.sh.
#
# DOM0_KERNEL and GUEST_KERNEL name other kernel packages than the one of linux-image-amd64, or other
# metapackages.
# The project's programs and the bed's own scripts are not part of what is cached: they come with
# each run.

xen_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
xen_top=$(cd "$xen_dir/../.." && pwd)
. "$xen_top/tests/support/image.sh"

xen_suite=bookworm
xen_version=4.17
xen_dom0_packages="xen-utils-$xen_version xenstore-utils sg3-utils fio kmod lsscsi iproute2 procps cpio e2fsprogs
    psmisc strace lvm2 systemd-sysv xen-utils-common libsgutils2-1.46-2 libspdlog1.10 libfmt9 liburing2 libtomlplusplus3 libiscsi7
    tgt open-iscsi mtx"
xen_dom0_boot_modules="crc32c_generic virtio_pci virtio_blk ext4 9p 9pnet_virtio"
xen_guest_modules="xen-scsifront sd_mod sg sr_mod st ch crc32c_generic crct10dif_generic ext4 xen-gntdev xen-gntalloc xen-evtchn"
xen_guest_unpacked="mtx"
xen_guest_programs="bash flock fio lsscsi sha256sum cmp timeout dd mkfs.ext4 e2fsck grep sed tail xenstore-read xenstore-write xenstore-ls
    sg_inq sg_vpd sg_readcap sg_luns sg_turs sg_requests sg_modes sg_logs sg_unmap sg_write_same sg_dd sgp_dd sg_raw sg_ses
    mt tar sg_reset sg_persist sg_sync sg_start sg_opcodes sg_get_lba_status sg_compare_and_write"
# Most of what a guest unpacks and of the time that fio takes to start. (libiscsi needs those for InfiniBand, too.)
xen_guest_stubs="librados.so.2 librbd.so.1 libgfapi.so.0 libnbd.so.0 libpmem.so.1 libpmemblk.so.1"

# What is built anew when it changes: the packages, and what is done with them.
xen_key() { # FUNCTION PACKAGE...
    declare -f "$1" image_kernel image_modules image_root image_programs image_libraries image_stubs
    shift
    apt-cache policy "$@" | sed -n '/^[^ ]/p; s/.*Candidate: //p'
    cat "$xen_top/tests/support/vmlinux.py"
}

# xen_kernel VARIABLE: the package of the kernel that it names
xen_kernel() {
    local name=${!1:-linux-image-amd64} package
    package=$(image_kernel_package "$name")
    [ -n "$package" ] || {
        echo "$1=$name is no package of a kernel, and depends on none; there are: apt-cache search '^linux-image-'" >&2
        return 1
    }
    echo "$package"
}

# Sets xen_dom0 (xen, vmlinux, dom0.cpio.gz that boots it, root.img) and xen_guest (vmlinux,
# base.cpio.lz4), folders both.
xen_build() {
    image_packages
    xen_dom0_kernel=$(xen_kernel DOM0_KERNEL) || return 1
    xen_guest_kernel=$(xen_kernel GUEST_KERNEL) || return 1
    # shellcheck disable=SC2086 # a list of words
    image_cached xen-dom0 xen_fill_dom0 < <(xen_key xen_fill_dom0 "$xen_dom0_kernel" \
        "xen-hypervisor-$xen_version-amd64" $xen_dom0_packages libc6
        declare -f image_debian
        cat "$xen_dir/dom0/init-boot"
        echo "$xen_suite" $xen_dom0_boot_modules) || return 1
    xen_dom0=$image_cache
    image_cached xen-guest xen_fill_guest < <(xen_key xen_fill_guest "$xen_guest_kernel" libc6
        dpkg-query -W -f '${Package} ${Version}\n' bash fio sg3-utils e2fsprogs coreutils libc6 busybox-static
        echo $xen_guest_modules $xen_guest_programs $xen_guest_unpacked $xen_guest_stubs) || return 1
    xen_guest=$image_cache
}

# dom0: a file system of its own, and an initramfs that finds it.
xen_fill_dom0() { # DIR
    local build=$1
    image_kernel "$build/kernel" "$xen_dom0_kernel" || return 1
    "$xen_top/tests/support/vmlinux.py" "$build/kernel/boot/vmlinuz-$image_kernel_version" "$build/vmlinux" || return 1
    image_download "$build/hypervisor" "xen-hypervisor-$xen_version-amd64" || return 1
    dpkg -x "$build"/hypervisor/xen-hypervisor*.deb "$build/hypervisor"
    zcat "$build/hypervisor/boot/xen-$xen_version-amd64.gz" >"$build/xen"
    # shellcheck disable=SC2086 # a list of words
    image_debian "$build/dom0" "$xen_suite" $xen_dom0_packages || return 1
    rm -rf "$build"/dom0/usr/share/{doc,locale,man}
    mkdir -p "$build"/dom0/{lib/modules,job,guest,pvscsi}
    cp -r "$build/kernel/lib/modules/." "$build/dom0/lib/modules/"
    rm -f "$build/root.img"
    mke2fs -q -t ext4 -d "$build/dom0" "$build/root.img" 3000M
    rm -r "$build/dom0"
    image_root "$build/boot"
    # shellcheck disable=SC2086 # a list of words
    image_modules "$build/kernel" "$build/boot" $xen_dom0_boot_modules
    install -m755 "$xen_dir/dom0/init-boot" "$build/boot/init"
    image_pack "$build/boot" "$build/dom0.cpio.gz"
    rm -r "${build:?}/boot" "$build/kernel" "$build/hypervisor"
}

xen_fill_guest() { # DIR
    local build=$1 image_stubs_dir
    image_kernel "$build/kernel" "$xen_guest_kernel" || return 1
    "$xen_top/tests/support/vmlinux.py" "$build/kernel/boot/vmlinuz-$image_kernel_version" "$build/vmlinux" || return 1
    image_root "$build/root"
    # shellcheck disable=SC2086 # lists of words
    image_modules "$build/kernel" "$build/root" $xen_guest_modules &&
        image_stubs "$build/stubs" fio $xen_guest_stubs &&
        image_programs "$build/root" $xen_guest_programs &&
        image_unpacked "$build/root" $xen_guest_unpacked || return 1
    image_pack "$build/root" "$build/base.cpio.lz4"
    rm -r "$build/root" "$build/kernel" "$build/stubs"
}

# A root disk that keeps what is written to it, for the boots to come.
xen_keep_root() { # FILE
    xen_root="file=$1,format=qcow2"
    [ -e "$1" ] || qemu-img create -q -f qcow2 -b "$xen_dom0/root.img" -F raw "$1"
}

# Boots with the job folder as a 9p share; the machine's serial line goes to standard output. Takes
# the place of the shell it runs in. Never KVM, which may be there and not boot a stock kernel.
xen_boot() { # JOB SECONDS
    local job=$1 seconds=$2
    exec timeout --foreground -k 5 "$seconds" qemu-system-x86_64 -accel tcg,thread=multi -smp 2 -m 3584 \
        -nodefaults -nographic -no-reboot -net none -serial "${xen_serial:-stdio}" \
        -kernel "$xen_dom0/xen" -append "console=com1 com1=115200,8n1 conring_size=256k dom0_mem=1G,max:1G
            dom0_max_vcpus=2 spec-ctrl=no xpti=no loglvl=warning guest_loglvl=warning" \
        -initrd "$xen_dom0/vmlinux console=hvc0 quiet loglevel=4 panic=1 oops=panic mitigations=off,$xen_dom0/dom0.cpio.gz" \
        -drive "${xen_root:-file=$xen_dom0/root.img,format=raw,snapshot=on},if=virtio,cache=unsafe" \
        -virtfs "local,path=$job,mount_tag=job,security_model=none,multidevs=remap" \
        -virtfs "local,path=$xen_guest,mount_tag=guest,security_model=none,readonly=on,multidevs=remap"
}
