# shellcheck shell=bash
# what: as sixty, by guests with ports of their own through pvscsid
# seconds: 1000
side=through
# shellcheck source=tests/npiv/cases/sixty.sh
. /job/cases/sixty.sh
