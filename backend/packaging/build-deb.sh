#!/bin/bash
# Builds Debian's packages of this tree, as it lies here, into OUTDIR. Needs the packages that
# debian/control.in names under Build-Depends, and no network.
#   backend/packaging/build-deb.sh [--version VERSION] OUTDIR
#       --version: another one than the project's
# DEBFULLNAME, DEBEMAIL: the maintainer. DEB_BUILD_OPTIONS: as with dpkg-buildpackage(1).
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)

version=
if [ "${1:-}" = --version ] && [ $# -gt 1 ]; then
    version=$2
    shift 2
fi
case ${1:-} in
'' | -*) sed -n '2,/^set -/{/^#/s/^# \{0,1\}//p}' "$0"; [ "${1:-}" = --help ] && exit 0; exit 2 ;;
esac
mkdir -p "$1" && out=$(cd "$1" && pwd)
[ -n "$version" ] || version=$(sed -n "s/^  version: '\(.*\)',/\1/p" "$project/meson.build")
maintainer="${DEBFULLNAME:-The pvscsi authors} <${DEBEMAIL:-pvscsi@example.org}>"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/pvscsi
mkdir "$tree"
# What is ours: of a repository the files that it knows or would take, else all but what was built.
files() {
    if git -C "$project" rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git -C "$project" ls-files -z --cached --others --exclude-standard --deduplicate
    else
        (cd "$project" && find . -name 'build*' -maxdepth 1 -prune -o -type f -print0)
    fi
}
files | (cd "$project" && tar -c --null -T - --ignore-failed-read --warning=no-failed-read) | tar -x -C "$tree"
cp -r "$project/backend/packaging/debian" "$tree/debian"
sed "s/@MAINTAINER@/$maintainer/" "$tree/debian/control.in" >"$tree/debian/control"
rm "$tree/debian/control.in"
# The same tree makes the same packages: the date is that of its last change.
date=$(git -C "$project" log -1 --format=%cD 2>/dev/null) || date=
[ -n "$date" ] || date=$(date -R -r "$project/meson.build")
cat >"$tree/debian/changelog" <<TEXT
pvscsi ($version) unstable; urgency=medium

  * Version $version; its history is the repository's.

 -- $maintainer  $date
TEXT

cd "$tree"
log=$out/build.log
if ! dpkg-buildpackage -us -uc -b >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    echo "the packages could not be built; all of it is in $log" >&2
    exit 1
fi
mv "$work"/*.deb "$work"/*.changes "$work"/*.buildinfo "$out/"
(cd "$out" && ls -- *"_${version}_"*.deb)
