#!/bin/bash
# installed.sh BUILD MANUAL: what `meson install` puts below DESTDIR is all there and fits together:
# paths in the unit and in pkg-config's file are those of the prefix, no program looks for libraries
# in the build folder, and the example in MANUAL, libpvscsi-frontend(3), and one in C++ compile
# against it and run.
set -eu
build=$1 manual=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() {
    echo "FAIL: $*"
    exit 1
}
meson install -C "$build" --no-rebuild --destdir "$dir/root" >"$dir/install.log" 2>&1 || { cat "$dir/install.log"; exit 1; }
prefix=$(meson introspect "$build" --buildoptions | python3 -c '
import json, sys
print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
root=$dir/root$prefix

for file in bin/pvscsi{ctl,-hostd,-run,-bench} sbin/pvscsid include/pvscsi/frontend.{h,hpp} \
    lib/modprobe.d/pvscsi.conf lib/sysusers.d/pvscsi.conf lib/udev/rules.d/59-pvscsi.rules \
    share/pvscsi/{list.schema.json,xenstore-schemas/check_schemas.py} \
    share/man/man1/pvscsi-{run,bench}.1 share/man/man3/libpvscsi-frontend.3 share/man/man5/{vscsi-config,pvscsid.toml}.5 \
    share/man/man8/{pvscsid,pvscsictl,pvscsi-hostd}.8 share/doc/pvscsi/examples/pvscsid.toml \
    share/bash-completion/completions/pvscsi{ctl,-run} share/zsh/site-functions/_pvscsi{ctl,-run}; do
    [ -s "$root/$file" ] || fail "$prefix/$file is not installed"
done
unit=$(find "$dir/root" -name pvscsid.service)
grep -qx "ExecStart=$prefix/sbin/pvscsid" "$unit" || fail "the unit starts another program than $prefix/sbin/pvscsid"
find "$root" -type f \( -perm /111 -o -name '*.so*' \) | while read -r file; do
    ! readelf -d "$file" 2>/dev/null | grep -E 'R(UN)?PATH' || fail "$file looks for libraries there"
done

pc=$(find "$root" -name pvscsi-frontend.pc)
[ -n "$pc" ] || fail "no pvscsi-frontend.pc"
export PKG_CONFIG_LIBDIR=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$dir/root
LD_LIBRARY_PATH=$(dirname "$(find "$root" -name 'libpvscsi-frontend.so.0')")
export LD_LIBRARY_PATH
[ "$(pkg-config --modversion pvscsi-frontend)" = "$("$root/bin/pvscsictl" --version)" ] ||
    fail "pkg-config and pvscsictl differ about the version"

# What stands between .nf and .fi of the manual's example, as man(7) shows it.
sed -n '/^\.SH EXAMPLES/,/^\.fi/{/^\./d;p}' "$manual" | sed 's/\\-/-/g; s/\\e/\\/g' >"$dir/example.c"
cat >"$dir/example.cpp" <<'TEXT'
#include <iostream>
#include <pvscsi/frontend.hpp>

int main() {
    std::cout << pvscsi::to_string(pvscsi::hctl_from_string("1:2:3:4")) << std::endl;
    pvscsi::SessionOptions options;
    options.domain = "demo";
    try {
        pvscsi::Session::open(options);
    } catch (const std::exception& error) {
        std::cerr << error.what() << std::endl;
        return 1;
    }
}
TEXT
read -ra flags < <(pkg-config --cflags --libs pvscsi-frontend)
cc -std=c11 -Wall -Wextra -Werror "$dir/example.c" -o "$dir/c" "${flags[@]}"
c++ -std=c++20 -Wall -Wextra -Werror "$dir/example.cpp" -o "$dir/cpp" "${flags[@]}"
export PVSCSI_HOST=$dir/nowhere
for program in c cpp; do
    ! said=$("$dir/$program" 2>&1) || fail "$program has found a host at $PVSCSI_HOST"
    grep -q "cannot connect to $PVSCSI_HOST/" <<<"$said" || fail "$program says: $said"
done
[ "$("$dir/cpp" 2>/dev/null)" = 1:2:3:4 ] || fail "the program in C++ does not use the library"
echo "all of it is there"
