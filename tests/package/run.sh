#!/bin/bash
# Debian's packages of this tree: built, looked at by lintian, installed, used, upgraded and purged in
# a Debian of their own.
#
#   tests/package/run.sh [--keep]     --keep: leaves the folder with packages and logs; left anyway
#                                     when something failed
#
# What each case shows is said in inside.sh. The Debian is made by debootstrap, once for each set of versions, in ${XDG_CACHE_HOME:-~/.cache}/pvscsi.
# systemd-nspawn boots it, so that the unit runs as it will, sandbox, watchdog and restarts included;
# where that cannot be (no root, no control groups) the same programs are run in a chroot, and what
# needs systemd is skipped. Guests are those of an embedded host.
set -u
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
# shellcheck source=tests/support/image.sh
. "$project/tests/support/image.sh"
# shellcheck source=tests/support/packages.sh
. "$project/tests/support/packages.sh"

suite=bookworm
# What the cases use; what the packages depend on comes with them.
tools="systemd systemd-sysv kmod sg3-utils xen-utils-common procps"

passed=0 failed=0 skipped=0
result() { # ok|skip|not NAME [REASON]
    case $1 in
    ok) echo "ok $2"; passed=$((passed + 1)) ;;
    skip) echo "ok $2 # SKIP $3"; skipped=$((skipped + 1)) ;;
    *) echo "not ok $2${3:+: $3}"; failed=$((failed + 1)) ;;
    esac
}
finish() {
    if [ "$failed" = 0 ] && [ -z "$keep" ]; then
        rm -rf --one-file-system "$job"
    else
        echo "kept: $job"
    fi
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
    exit
}

keep=
[ "${1:-}" != --keep ] || keep=1
job=$(mktemp -d "${TMPDIR:-/tmp}/pvscsi-package.XXXXXX")
mkdir "$job/share"

# 1. Built; and for the upgrade the same files again with a higher version.
if ! packages_get "$project" "$job/share/1"; then
    result not package-builds
    finish
fi
result ok package-builds
packages_upgrade "$job/share/1" "$job/share/2"

# 2. Lintian: no error and no warning.
if lintian --allow-root --tag-display-limit 0 --fail-on error,warning "$job"/share/1/*.changes >"$job/lintian.log" 2>&1; then
    result ok package-lintian
else
    cat "$job/lintian.log" >&2
    result not package-lintian
fi

# 3. In a Debian of their own.
fill_root() { # DIR
    # shellcheck disable=SC2086 # a list of words
    image_debian "$1/root" "$suite" $needed || return 1
    # No waiting for what a container does not have.
    ln -sf /dev/null "$1/root/etc/systemd/system/systemd-logind.service"
    ln -sf /dev/null "$1/root/etc/systemd/system/console-getty.service"
}
needed_packages() {
    local deb
    printf '%s\n' $tools
    for deb in "$job"/share/1/*.deb; do dpkg-deb -f "$deb" Depends | sed 's/, /\n/g'; done | sed '/pvscsi/d; s/[ (].*//'
}
[ "$(id -u)" = 0 ] || { result skip package-installs "needs root"; finish; }
image_packages
needed=$(needed_packages | sort -u | tr '\n' ' ')
# shellcheck disable=SC2086 # a list of words
image_cached package-root fill_root < <(declare -f fill_root image_debian; echo "$needed"; apt-cache policy $needed |
    sed -n '/^[^ ]/p; s/.*Candidate: //p') || { result not package-root; finish; }
root=$job/root
# shellcheck disable=SC2154 # image_cached sets it
cp -a "$image_cache/root" "$root"
cp "$here/inside.sh" "$job/share/"
mkdir "$root/share"
cat >"$root/etc/systemd/system/pvscsi-test.service" <<TEXT
[Unit]
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
ExecStart=/share/inside.sh booted
StandardOutput=file:/share/result
StandardError=file:/share/log
TimeoutStartSec=200
TEXT
nspawn=(systemd-nspawn --quiet --register=no --keep-unit --capability=CAP_SYS_RAWIO --bind="$job/share:/share" -D "$root")
if command -v systemd-nspawn >/dev/null && "${nspawn[@]}" true 2>"$job/nspawn.log"; then
    timeout --foreground -k 10 240 "${nspawn[@]}" --boot systemd.unit=pvscsi-test.service >"$job/console.log" 2>&1 </dev/null
else
    timeout --foreground -k 10 240 unshare --mount --pid --fork --propagation private bash -c '
        mount --bind "$1/share" "$1/root/share" && mount -t proc proc "$1/root/proc" && mount --rbind /dev "$1/root/dev" &&
        exec chroot "$1/root" /share/inside.sh chroot' - "$job" >"$job/share/result" 2>"$job/share/log" </dev/null
fi
while IFS= read -r line; do
    case $line in
    'ok '*' # SKIP '*) result skip "$(sed 's/^ok \(.*\) # SKIP .*/\1/' <<<"$line")" "${line#* # SKIP }" ;;
    'ok '*) result ok "${line#ok }" ;;
    'not ok '*) result not "${line#not ok }" ;;
    done) ;;
    *) echo "$line" ;;
    esac
done < <(cat "$job/share/result" 2>/dev/null)
if ! grep -q '^done$' "$job/share/result" 2>/dev/null; then
    tail -n 30 "$job"/*.log "$job/share/log" >&2
    result not package-inside "it did not come to its end"
elif [ "$failed" != 0 ]; then
    tail -n 60 "$job/share/log" >&2
fi
finish
