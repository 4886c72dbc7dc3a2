# shellcheck shell=bash
# Shell functions that make bootable file trees for QEMU out of Debian packages and of this
# machine's own programs. Sourced by the test beds. Nothing is installed anywhere.
#
#   image_kernel DIR [PACKAGE]     Debian's kernel, unpacked below DIR; sets image_kernel_version
#   image_modules DIR ROOT NAME... modules (and what they need) of the kernel in DIR, into ROOT
#   image_root ROOT                an empty root with busybox
#   image_programs ROOT NAME...    programs of this machine with their shared libraries, into ROOT
#   image_unpacked ROOT PACKAGE... what else these packages have for running, with the libraries of
#                                  this machine that it needs, into ROOT
#   image_pack ROOT FILE           ROOT as an initramfs, compressed as FILE's suffix says (gz, lz4; cpio: not)
#   image_our_programs BUILD FILE  the project's programs as a second initramfs
#   image_debian ROOT SUITE PACKAGE...  a Debian with these packages, up to date; needs root
#   image_packages                 package lists are there; fetches them if not
#   image_download DIR PACKAGE...  packages into DIR
#   image_cached PREFIX FUNCTION   image_cache, the folder that FUNCTION DIR fills, once for each key
#                                  that it gets on standard input; a half-filled one is never used

# image_kernel_package [NAME]: the package with the kernel that NAME (linux-image-amd64) stands for, which may be NAME
# itself. Nothing if there is none.
# shellcheck disable=SC2120 # tests/xen names one
image_kernel_package() {
    apt-cache depends "${1:-linux-image-amd64}" 2>/dev/null | awk '
        (NR == 1 || $1 == "Depends:") && $NF ~ /^linux-image-[0-9]/ && $NF !~ /-dbg$/ { found = $NF }
        END { if (found) print found }' || true
}

# One at a time, of all that run on this machine: apt's lists have one lock.
image_alone() { # COMMAND...
    local folder=${XDG_CACHE_HOME:-$HOME/.cache}/pvscsi
    mkdir -p "$folder"
    (
        flock 9
        "$@" 9>&-
    ) 9>"$folder/lock"
}

image_packages() {
    [ -n "$(image_kernel_package)" ] || image_alone apt-get update -qq
}

image_download() { # DIR PACKAGE...
    local dir=$1
    shift
    mkdir -p "$dir"
    # A package list that is older than the archive names files that are gone: fetch a new one.
    (cd "$dir" && { apt-get download -qq "$@" || { apt-get update -qq &&
        apt-get download -qq "$@"; }; }) 2>"$dir/apt.log" || { cat "$dir/apt.log" >&2; return 1; }
}

image_kernel() { # DIR [PACKAGE]
    local dir=$1 package=${2:-}
    if [ -z "$package" ]; then
        image_packages
        package=$(image_kernel_package)
    fi
    image_kernel_version=${package#linux-image-}
    image_kernel_version=${image_kernel_version%-unsigned}
    [ -e "$dir/boot/vmlinuz-$image_kernel_version" ] && return 0
    image_download "$dir/deb" "$package" || return 1
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

# image_stubs DIR PROGRAM SONAME...: libraries that the program is linked with and does not come to use in the image: no
# more than its symbols, which end it. They are what image_libraries finds from then on. Sets image_stubs_dir.
image_stubs_dir=
image_stubs() {
    local dir=$1 program soname path symbols
    program=$(command -v "$2") || { echo "image: no program $2 here" >&2; return 1; }
    shift 2
    for soname in "$@"; do
        path=$(ldd "$program" | awk -v soname="$soname" '$1 == soname { print $3 }')
        [ -n "$path" ] || continue
        image_stubs_dir=$dir
        mkdir -p "$dir${path%/*}"
        # What it has of the program's: lines `SYMBOL` or `SYMBOL VERSION`.
        symbols=$(awk 'NR == FNR { sub(/@.*/, "", $NF); has[$NF]; next }
            $NF in has { print $NF, /\(/ ? substr($(NF - 1), 2, length($(NF - 1)) - 2) : "" }' \
            <(nm -D --defined-only "$path") <(objdump -T "$program" | grep -F '*UND*'))
        awk 'NF == 2 { of[$2] = of[$2] " " $1 ";" } END { for (version in of) print version " {" of[version] " };" }' \
            <<<"$symbols" >"$dir/versions"
        local versions=()
        [ ! -s "$dir/versions" ] || versions=("-Wl,--version-script=$dir/versions")
        awk 'NF { print "void " $1 "(void) { __builtin_trap(); }" }' <<<"$symbols" |
            gcc -shared -fPIC -fno-builtin -nostdlib -Wl,-soname,"$soname" "${versions[@]}" -o "$dir$path" -x c - || return 1
    done
}

image_libraries() { # ROOT FILE...: the shared libraries that the ELF files need
    local root=$1 library target paths=()
    shift
    [ -z "$image_stubs_dir" ] || mapfile -t paths < <(find "$image_stubs_dir" -name '*.so*' -printf '%h\n' | sort -u)
    LD_LIBRARY_PATH=$(IFS=:; echo "${paths[*]}") ldd "$@" 2>/dev/null | grep -o '/[^ :]* (0x' | sed 's/ (0x//' | sort -u |
        while read -r library; do
            target=$root${library#"$image_stubs_dir"}
            [ -e "$target" ] || install -D -m755 "$library" "$target"
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

image_unpacked() { # ROOT PACKAGE...
    local root=$1 debs library
    shift
    debs=$(mktemp -d)
    image_download "$debs" "$@" || { rm -r "$debs"; return 1; }
    for deb in "$debs"/*.deb; do
        # The folders that are links in the image stay links.
        dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --no-same-owner --keep-directory-symlink \
            --exclude=./usr/share --exclude='*/systemd' --exclude=./etc/init.d || return 1
    done
    rm -r "$debs"
    # Of scripts, ldd says nothing and fails.
    { find "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib/x86_64-linux-gnu" -type f -exec env \
        LD_LIBRARY_PATH="$root/usr/lib/x86_64-linux-gnu" ldd {} + 2>/dev/null || true; } |
        grep -o '/[^ :]* (0x' | sed 's/ (0x//' | sort -u | while read -r library; do
        [ -e "$root$library" ] || [ "${library#"$root"}" != "$library" ] ||
            install -D -m755 "$library" "$root$library"
    done
}

image_pack() { # ROOT FILE
    local compress=(gzip -1)
    # The kernel's lz4 is of the old format, which ends only with the file: nothing after it.
    [ "${2##*.}" != cpio ] || compress=(cat)
    [ "${2##*.}" != lz4 ] || compress=(lz4 -q -l -9 -c)
    (cd "$1" && find . -print0 | cpio -0 -o -H newc -R 0:0 --quiet | "${compress[@]}") >"$2.part"
    mv "$2.part" "$2"
}

# Our programs, as they lie in the build folder, at the same places below /pvscsi, so that they
# find each other there as they do here. Further ones than the installed may be named.
image_our_programs() { # BUILD FILE [NAME...]
    local build=$1 out=$2 file names
    shift 2
    names=(-name 'pvscsi*' -o -name 'libpvscsi*.so*')
    for file in "$@"; do names+=(-o -name "$file"); done
    local root
    root=$(mktemp -d)
    mkdir -p "$root/pvscsi"
    while read -r file; do
        install -D -m755 "$build/$file" "$root/pvscsi/$file"
        strip --strip-debug "$root/pvscsi/$file"
        image_libraries "$root/." "$build/$file"
    done < <(cd "$build" && find . \( "${names[@]}" \) -type f -executable -printf '%P\n' | grep -v '\.p/')
    # usr-merged: the libraries' folders are links in the image that this one is laid over.
    for file in lib lib64; do
        [ ! -d "$root/$file" ] || { mkdir -p "$root/usr/$file"; cp -a "$root/$file/." "$root/usr/$file/"; rm -r "${root:?}/$file"; }
    done
    image_pack "$root" "$out"
    rm -r "$root"
}

# As new as what this machine has, for what is built here needs that; nothing in it is started.
image_debian() { # ROOT SUITE PACKAGE...
    local root=$1 suite=$2
    shift 2
    local apt=(apt-get -qq -o "Dir::State::status=$root/var/lib/dpkg/status" -o "Dir::Cache::archives=$root/debs"
        -o "Dir::State::extended_states=$root/debs/states" --download-only --no-install-recommends -y)
    {
        debootstrap --variant=minbase "$suite" "$root" && mkdir -p "$root/debs/partial" &&
            "${apt[@]}" dist-upgrade && "${apt[@]}" install "$@" &&
            printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod +x "$root/usr/sbin/policy-rc.d" &&
            DEBIAN_FRONTEND=noninteractive chroot "$root" /bin/sh -c 'apt-get install -qq -y --no-install-recommends /debs/*.deb'
    } >"$root.log" 2>&1 </dev/null || { tail -n 20 "$root.log" >&2; return 1; }
    rm -rf "$root"/{debs,usr/sbin/policy-rc.d} "$root"/var/{cache/apt,lib/apt/lists}/*
    # Nothing of this machine.
    : >"$root/etc/machine-id"
}

image_cached() { # PREFIX FUNCTION
    image_cache=${XDG_CACHE_HOME:-$HOME/.cache}/pvscsi/$1-$(sha256sum | cut -c1-16)
    [ -e "$image_cache/complete" ] || image_alone image_make "$image_cache" "$2"
}

image_make() { # DIR FUNCTION
    local build
    [ ! -e "$1/complete" ] || return 0 # by who was first
    echo "building $1" >&2
    build=$(mktemp -d "$1.XXXXXX")
    "$2" "$build" || return 1
    touch "$build/complete"
    mv -T "$build" "$1" || return 1
}
