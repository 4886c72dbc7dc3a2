# shellcheck shell=bash
# what: as dropped, by guests with ports of their own through pvscsid
# seconds: 400
side=through
# shellcheck source=tests/npiv/cases/dropped.sh
. /job/cases/dropped.sh
