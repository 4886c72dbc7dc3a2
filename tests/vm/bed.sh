# shellcheck shell=bash
# The virtual machine: Debian's kernel and an initramfs with SCSI modules and tools, built once
# into a cache folder, and the command that boots it. Sourced by the run.sh of a suite, which adds
# what its machine has beyond this one to the variables below, sets cases_dir (support/machine.sh)
# and calls vm_main.
#
# The machine is plain software emulation (never KVM, which may be there and not work). The
# project's programs are not part of the cached image: they go into a second initramfs, made for
# each run and given to the kernel together with the first.

vm_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
vm_top=$(cd "$vm_dir/../.." && pwd)
. "$vm_top/tests/support/image.sh"

vm_name=vm           # of the image and the job folder
vm_packages=()       # Debian packages that are not installed here but unpacked for their programs
vm_build_programs=() # programs of the build folder beyond the installed ones
vm_job_files=("$vm_dir/guest/lib.sh" "$vm_top/backend/service/pvscsi.rules" "$vm_top"/tests/support/{bed,case}.sh)
vm_arguments=()      # for QEMU
vm_prepare() { :; }  # makes what those name; the job folder is $job
vm_modules="virtio_pci 9p 9pnet_virtio sd_mod sg sr_mod st ch scsi_debug crc32c_generic crct10dif_generic
    configfs target_core_mod target_core_file tcm_loop virtio_scsi sym53c8xx loop"
vm_programs="bash tail sed grep diff xenstore-ls xenstore-read xenstore-write lsscsi fio sha256sum cmp timeout strace-if-there
    sg_inq sg_vpd sg_readcap sg_luns sg_turs sg_requests sg_modes sg_logs sg_unmap sg_write_same
    sg_dd sgp_dd sg_raw sg_reset sg_opcodes sg_start sg_sync sg_verify sg_persist sg_get_lba_status
    sg_format sg_senddiag sdparm udevadm /usr/lib/udev/scsi_id sg_compare_and_write sg_read sg_test_rwbuf sg_map"

vm_build() { # sets vm_cache, the folder with vmlinuz and base.cpio.gz
    local package version
    image_packages
    package=$(image_kernel_package)
    version=$(apt-cache policy "$package" "${vm_packages[@]}" | sed -n 's/^\([a-z0-9.-]*\):$/\1/p; s/.*Candidate: //p')
    image_cached "$vm_name" vm_fill < <(echo "$version $vm_modules $vm_programs"
        cat "$vm_dir/bed.sh" "$vm_dir/guest/init" "$vm_top/tests/support/image.sh"
        dpkg-query -W -f '${Package} ${Version}\n' bash lsscsi fio sg3-utils coreutils libc6 busybox-static udev)
    vm_cache=$image_cache
}

vm_fill() { # DIR
    local build=$1 name
    image_kernel "$build/kernel"
    cp "$build/kernel/boot/vmlinuz-$image_kernel_version" "$build/vmlinuz"
    image_root "$build/root"
    # shellcheck disable=SC2086 # lists of words
    image_modules "$build/kernel" "$build/root" $vm_modules
    [ ${#vm_packages[@]} = 0 ] || image_unpacked "$build/root" "${vm_packages[@]}" || return 1
    for name in $vm_programs; do
        case $name in *-if-there) name=${name%-if-there}; command -v "$name" >/dev/null || continue ;; esac
        image_programs "$build/root" "$name"
    done
    mkdir -p "$build/root/usr/lib/udev/rules.d"
    cp /usr/lib/udev/rules.d/60-{block,persistent-storage}.rules "$build/root/usr/lib/udev/rules.d/"
    install -m755 "$vm_dir/guest/init" "$build/root/init"
    image_pack "$build/root" "$build/base.cpio.gz"
    rm -r "$build/root" "$build/kernel"
}

# Boots with the job folder as a 9p share; what the machine prints goes to standard output. Takes
# the place of the shell it runs in, so that ending that process ends the machine.
vm_boot() { # INITRAMFS JOB SECONDS [KERNEL ARGUMENT...]
    local initramfs=$1 job=$2 seconds=$3
    shift 3
    exec timeout --foreground -k 5 "$seconds" qemu-system-x86_64 -accel tcg,thread=multi -smp 2 -m 1536 \
        -nodefaults -nographic -no-reboot -net none -serial "${vm_serial:-stdio}" \
        -kernel "$vm_cache/vmlinuz" -initrd "$initramfs" \
        -append "console=ttyS0 quiet loglevel=4 panic=-1 oops=panic mitigations=off $*" \
        -virtfs "local,path=$job,mount_tag=job,security_model=none,multidevs=remap" "${vm_arguments[@]}"
}

# All of a run.sh: its options, the image, the job folder, the cases.
vm_main() { # ARGUMENT...
    # shellcheck source=tests/support/machine.sh
    . "$vm_top/tests/support/machine.sh"
    machine_options "$@"
    build=$(realpath -e "${BUILD:-$vm_top/build}") || { echo "build the project first (BUILD names the folder)" >&2; exit 2; }
    machine_programs qemu-system-x86_64 busybox cpio modprobe depmod sg_inq lsscsi fio

    vm_build
    machine_job "pvscsi-$vm_name"
    cp -r "$cases_dir" "${vm_job_files[@]}" "$job"
    image_our_programs "$build" "$job/programs.cpio.gz" "${vm_build_programs[@]}"
    cat "$vm_cache/base.cpio.gz" "$job/programs.cpio.gz" >"$job/initramfs"
    vm_prepare
    machine_boot() { vm_boot "$job/initramfs" "$job" "$1"; }

    if $shell; then
        (vm_serial=mon:stdio machine_boot 86400)
        exit
    fi
    machine_cases
}
