# shellcheck shell=bash
# Shell functions that make bootable file trees for QEMU out of Debian packages and of this
# machine's own programs. Sourced by the test beds. Nothing is installed anywhere.
#
#   image_kernel DIR               Debian's kernel, unpacked below DIR; sets image_kernel_version
#   image_modules DIR ROOT NAME... modules (and what they need) of the kernel in DIR, into ROOT
#   image_root ROOT                an empty root with busybox
#   image_programs ROOT NAME...    programs of this machine with their shared libraries, into ROOT
#   image_pack ROOT FILE           ROOT as an initramfs

image_kernel_package() { # the package that linux-image-amd64 stands for
    apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n1
}

image_kernel() { # DIR
    local dir=$1 package
    package=$(image_kernel_package)
    if [ -z "$package" ]; then
        apt-get update -qq
        package=$(image_kernel_package)
    fi
    image_kernel_version=${package#linux-image-}
    [ -e "$dir/boot/vmlinuz-$image_kernel_version" ] && return 0
    mkdir -p "$dir/deb"
    # A package list that is older than the archive names files that are gone: fetch a new one.
    (cd "$dir/deb" && { apt-get download -qq "$package" || { apt-get update -qq &&
        apt-get download -qq "$package"; }; }) 2>"$dir/apt.log" || { cat "$dir/apt.log" >&2; return 1; }
    dpkg -x "$dir"/deb/*.deb "$dir"
    rm -r "$dir/deb"
    depmod -b "$dir" "$image_kernel_version"
}

image_modules() { # DIR ROOT NAME...
    local dir=$1 root=$2 name file
    shift 2
    mkdir -p "$root/lib/modules/$image_kernel_version"
    for name in "$@"; do
        modprobe -d "$dir" -S "$image_kernel_version" --show-depends "$name"
    done | awk '/^insmod/ { print $2 }' | sort -u | while read -r file; do
        install -D -m644 "$file" "$root/${file#"$dir"/}"
    done
    cp "$dir/lib/modules/$image_kernel_version"/modules.{builtin,order,builtin.modinfo} \
        "$root/lib/modules/$image_kernel_version/"
    depmod -b "$root" "$image_kernel_version"
}

image_root() { # ROOT
    local root=$1 name
    mkdir -p "$root"/{usr/bin,usr/sbin,usr/lib,usr/lib64,proc,sys,dev,run,tmp,mnt,etc,root}
    for name in bin sbin lib lib64; do
        [ -e "$root/$name" ] || ln -s "usr/$name" "$root/$name"
    done
    install -m755 "$(command -v busybox)" "$root/usr/bin/busybox"
}

image_libraries() { # ROOT FILE...: the shared libraries that the ELF files need
    local root=$1 library
    shift
    ldd "$@" 2>/dev/null | grep -o '/[^ :]* (0x' | sed 's/ (0x//' | sort -u |
        while read -r library; do
            [ -e "$root$library" ] || install -D -m755 "$library" "$root$library"
        done
}

image_programs() { # ROOT NAME...
    local root=$1 name path
    shift
    for name in "$@"; do
        path=$(command -v "$name") || { echo "image: no program $name here" >&2; return 1; }
        install -D -m755 "$path" "$root$path"
        image_libraries "$root" "$path"
    done
}

image_pack() { # ROOT FILE
    (cd "$1" && find . -print0 | cpio -0 -o -H newc -R 0:0 --quiet | gzip -1) >"$2.part"
    mv "$2.part" "$2"
}
