# shellcheck shell=bash
# what: as masks, by guests with ports of their own through pvscsid
# brief: yes
# seconds: 400
side=through
# shellcheck source=tests/npiv/cases/masks.sh
. /job/cases/masks.sh
