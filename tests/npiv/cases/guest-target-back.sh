# shellcheck shell=bash
# what: as target-back, by guests with ports of their own through pvscsid
# brief: yes
# seconds: 400
side=through
# shellcheck source=tests/npiv/cases/target-back.sh
. /job/cases/target-back.sh
