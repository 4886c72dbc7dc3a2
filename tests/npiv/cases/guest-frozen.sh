# shellcheck shell=bash
# what: as frozen, by guests with ports of their own through pvscsid
# seconds: 600
side=through
# shellcheck source=tests/npiv/cases/frozen.sh
. /job/cases/frozen.sh
