# shellcheck shell=bash
# what: as target-gone, by guests with ports of their own through pvscsid
# seconds: 400
side=through
# shellcheck source=tests/npiv/cases/target-gone.sh
. /job/cases/target-gone.sh
