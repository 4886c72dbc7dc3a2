#!/bin/bash
# That a case has failed with what has failed in it, wherever that is.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/support/checks.sh
. "$here/checks.sh"

# ends_with STATUS CASE: its last function is told of it, and nothing that follows is done.
ends_with() {
    local said status=0
    said=$(bash -c ". '$here/case.sh'
        ending() { echo \"ended with \$1\"; }
        at_end ending
        $2
        echo 'went on'" 2>&1) || status=$?
    [ "$status" = "$1" ] && [ "$(tail -n 1 <<<"$said")" = "ended with $1" ] && [ "$(grep -c 'went on' <<<"$said")" = $(($1 == 0)) ] || {
        echo "status $status, said: $said"
        return 1
    }
}
check well ends_with 0 'must true'
check failed ends_with 1 'must false'
check failed-in-pipeline ends_with 1 'must false | cat'
check failed-in-substitution ends_with 1 'name=$(must false)'
check failed-in-background ends_with 1 'must false & wait $!'
check skipped ends_with 77 'skip "no such thing"'
checks_end
