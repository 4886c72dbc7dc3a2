#!/bin/bash
# NPIV: real vports of Debian's kernel on a Fibre Channel fabric of our own, in a virtual machine.
#
#   tests/npiv/run.sh [--list] [--only NAME]... [--brief] [--keep] [--shell]
#
# As tests/vm/run.sh; README.md says what is there. --brief: those that a run of everything has time for.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/vm/bed.sh
. "$here/../vm/bed.sh"
cases_dir=$here/cases usual_seconds=200
vm_name=npiv
vm_modules+=" veth fcoe tcm_fc"
vm_programs+=" ip"
vm_build_programs=(test-fabric)
vm_job_files+=("$here"/guest/*)
vm_main "$@"
