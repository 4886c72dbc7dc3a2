# shellcheck shell=bash
# what: as refused, by guests with ports of their own through pvscsid
# seconds: 400
side=through
# shellcheck source=tests/npiv/cases/refused.sh
. /job/cases/refused.sh
