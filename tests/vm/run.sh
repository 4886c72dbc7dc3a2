#!/bin/bash
# Runs the cases in tests/vm/cases inside a virtual machine with a real SCSI subsystem.
#
#   tests/vm/run.sh [--list] [--only NAME]... [--keep] [--shell]
#
# BUILD names the build folder (default: build). A case is a bash script that exits 0 when all is
# well and 77, with the reason as its last line, when it can't be run; a line "# seconds: N" gives
# it another time limit than the usual one. Cases share a boot; one that kills or hangs the
# machine has failed and the others go on in a new one.
set -euo pipefail
# shellcheck source=tests/vm/bed.sh
. "$(dirname "$0")/bed.sh"
cases_dir=$vm_dir/cases
vm_build_programs=(test-sg-live)
vm_main "$@"
