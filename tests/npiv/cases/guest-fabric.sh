# shellcheck shell=bash
# what: as 00-fabric, by guests with ports of their own through pvscsid
# brief: yes
# seconds: 400
side=through
# shellcheck source=tests/npiv/cases/00-fabric.sh
. /job/cases/00-fabric.sh
