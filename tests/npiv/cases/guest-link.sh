# shellcheck shell=bash
# what: as link, by guests with ports of their own through pvscsid
# seconds: 400
side=through
# shellcheck source=tests/npiv/cases/link.sh
. /job/cases/link.sh
