#!/bin/bash
# Real SCSI devices in a virtual machine: every tool natively on the device, and through us.
#
#   tests/scsi/run.sh [--list] [--only NAME]... [--keep] [--shell]
#
# As tests/vm/run.sh, with more devices. A whole run checks the table of backend/README.md against
# what it saw.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/vm/bed.sh
. "$here/../vm/bed.sh"
cases_dir=$here/cases usual_seconds=200
vm_name=scsi
vm_packages=(tgt libaio1 libibverbs1 librdmacm1 libnl-3-200 libnl-route-3-200
    open-iscsi libisns0 libopeniscsiusr libkmod2 libmount1 libssl3 mtx)
vm_modules+=" iscsi_tcp virtio_scsi sym53c8xx megaraid_sas mptsas mptbase mptscsih"
vm_programs+=" $(dpkg -L sg3-utils | sed -n 's,^/usr/bin/\(sg[a-z_0-9]*\)$,\1,p' | tr '\n' ' ')"
vm_programs+=" iscsi-test-cu scsi_mandat scsi_readcap scsi_ready scsi_satl scsi_start scsi_stop scsi_temperature"
vm_build_programs=(scsi-random-cdbs)
vm_job_files+=("$here/lists" "$here"/guest/* "$vm_top/tests/support/kernel_tgt.sh")

vm_prepare() {
    local disk
    mkdir "$job/records"
    echo "${SCSI_SEED:-20261123}" >"$job/seed"
    cp "$vm_top/backend/README.md" "$job/backend-README.md"
    echo "$job" >"$job/outside" # the job folder's name, for QEMU's monitor
    for disk in lsi virtio megasas mptsas gone-lsi gone-virtio; do truncate -s 64M "$job/$disk.img"; done
    for disk in lsi virtio other; do head -c 4M /dev/urandom >"$job/$disk.iso"; done
    vm_arguments=(
        # The machine's second serial port is QEMU's monitor.
        -chardev "socket,id=monitor,path=$job/qmp,server=on,wait=off" -mon "chardev=monitor,mode=control"
        -chardev "socket,id=port,path=$job/qmp" -serial chardev:port
        -device "lsi53c895a,id=lsi" -device "virtio-scsi-pci,id=virtio"
        -device "megasas,id=megasas" -device "mptsas1068,id=mptsas")
    attached scsi-hd lsi lsi.img lsi-hd 0
    attached scsi-cd lsi lsi.iso lsi-cd 1
    attached scsi-hd virtio virtio.img virtio-hd 0
    attached scsi-cd virtio virtio.iso virtio-cd 1
    attached scsi-hd megasas megasas.img megasas-hd 0
    attached scsi-hd mptsas mptsas.img mptsas-hd 0 ,wwn=0x5000000000000001
    attached scsi-hd lsi gone-lsi.img gone-lsi 2
    attached scsi-hd virtio gone-virtio.img gone-virtio 2
}
attached() { # KIND BUS FILE ID TARGET [,OPTION...]
    local read_only=off
    [ "$1" = scsi-hd ] || read_only=on
    vm_arguments+=(-drive "if=none,id=drive-$4,format=raw,file=$job/$3,read-only=$read_only"
        -device "$1,bus=$2.0,scsi-id=$5,drive=drive-$4,id=$4${6:-}")
}

vm_main "$@"
