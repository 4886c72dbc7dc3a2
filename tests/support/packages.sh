# shellcheck shell=bash
# The project's Debian packages, for the suites that install them. Sourced.
#
#   packages_build PROJECT DIR   builds them into DIR; what it says goes to standard error
#   packages_get PROJECT DIR     the same, but takes those in $PACKAGES if that is a folder; else, if it is
#                                set, keeps them there for who comes next
#   packages_upgrade FROM TO     the same files again with a higher version

packages_build() {
    local CCACHE_DIR
    # Meson takes ccache where it is; debhelper gives a build a home of its own, with an empty cache.
    CCACHE_DIR=$(ccache -k cache_dir 2>/dev/null) && export CCACHE_DIR
    DEB_BUILD_OPTIONS="noautodbgsym parallel=$(nproc)" "$1/backend/packaging/build-deb.sh" "$2" >&2
}

packages_get() {
    if [ -d "${PACKAGES:-}" ]; then
        cp -r "$PACKAGES" "$2"
        return
    fi
    packages_build "$1" "$2" || return
    [ -z "${PACKAGES:-}" ] || cp -r "$2" "$PACKAGES"
}

packages_upgrade() {
    local deb unpacked=$2/unpacked
    mkdir -p "$2"
    for deb in "$1"/*.deb; do
        dpkg-deb -R "$deb" "$unpacked"
        sed -i 's/^Version: .*/&+upgrade/; s/\(libpvscsi-frontend0 (= [^)]*\))/\1+upgrade)/' "$unpacked/DEBIAN/control"
        dpkg-deb --root-owner-group -Znone -b "$unpacked" "$2/$(basename "$deb")" >/dev/null
        rm -r "$unpacked"
    done
}
