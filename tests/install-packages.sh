#!/bin/bash
# Installs what tests/packages.txt names and this machine does not have. Needs root only then.
#   tests/install-packages.sh [--list] [SECTION...]
#       --list: prints what is missing, installs nothing
#       SECTION: with what stands in these sections of the file, e.g. bench
set -euo pipefail
cd "$(dirname "$0")"

list=
[ "${1:-}" != --list ] || { list=1 && shift; }
sections=" $* "
for section in "$@"; do
    grep -qxF "[$section]" packages.txt || { echo "packages.txt has no section [$section]" >&2; exit 2; }
done
wanted=$(sed -e 's/#.*//' packages.txt | awk -v asked="$sections" '
    /^\[/ { gsub(/[][]/, ""); skip = !index(asked, " " $1 " "); next }
    NF && !skip { print $1 }' | sort -u)
have=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' 2>/dev/null | awk '$1 == "ii" { print $2 }' | sort -u)
missing=$(comm -23 <(printf '%s\n' "$wanted") <(printf '%s\n' "$have"))

if [ -n "$list" ]; then
    [ -z "$missing" ] || printf '%s\n' "$missing"
    exit 0
fi
[ -n "$missing" ] || exit 0
mapfile -t packages <<<"$missing"

if [ "$(id -u)" != 0 ]; then
    echo "These packages are missing; install them as root and start again:" >&2
    echo "    apt-get install --no-install-recommends ${packages[*]}" >&2
    exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
# Some of them have services (tgt). Tests start what they need, and nobody wants the rest: until the
# packages are installed, nothing may be started (invoke-rc.d(8)), unless this host has a rule.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$log" "$policy"' EXIT
fi
install_missing() {
    apt-get install -y -q --no-install-recommends "${packages[@]}" >>"$log" 2>&1
}
echo "installing ${#packages[@]} packages: ${packages[*]}"
# The lists of a fresh machine are empty or old: fetch them only if the first attempt fails.
if ! install_missing; then
    apt-get update -q >>"$log" 2>&1 || true
    if ! install_missing; then
        tail -n 30 "$log" >&2
        echo "apt-get could not install: ${packages[*]}" >&2
        exit 1
    fi
fi
