# shellcheck shell=bash
# what: as zones, by guests with ports of their own through pvscsid
# seconds: 400
side=through
# shellcheck source=tests/npiv/cases/zones.sh
. /job/cases/zones.sh
