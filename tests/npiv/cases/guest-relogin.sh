# shellcheck shell=bash
# what: as relogin, by guests with ports of their own through pvscsid
# seconds: 400
side=through
# shellcheck source=tests/npiv/cases/relogin.sh
. /job/cases/relogin.sh
