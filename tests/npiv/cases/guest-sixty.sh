# shellcheck shell=bash
# what: as sixty, by guests with ports of their own through pvscsid
# seconds: 1000
side=through
# Sixty guests and four units; and each guest is made by a program of its own.
sharing=all patience=300
# shellcheck source=tests/npiv/cases/sixty.sh
. /job/cases/sixty.sh
