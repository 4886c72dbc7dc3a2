# shellcheck shell=bash
# what: as reservations, by guests with ports of their own through pvscsid
# brief: yes
# seconds: 400
side=through
# shellcheck source=tests/npiv/cases/reservations.sh
. /job/cases/reservations.sh
