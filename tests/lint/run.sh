#!/bin/bash
# What the compiler does not look at: layout, shell scripts, marks of unfinished work.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/support/checks.sh
. tests/support/checks.sh

layout() {
    git ls-files '*.cpp' '*.hpp' '*.c' '*.h' | xargs clang-format-14 --dry-run -Werror
}
# Libraries for other scripts set what only those read (SC2034) and name no shell (SC2148).
shell() {
    git ls-files '*.sh' '*.bash' .ci/run | xargs shellcheck -s bash -S warning -e SC2034
}
# Written so that this line does not find itself.
marks() {
    ! git grep -nIwE 'TO[D]O|FIXM[E]|XX[X]' -- . ':!*/corpus/*'
}

if ! git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    echo 'ok lint # SKIP not in a git work tree, so there is no list of our files'
    echo '0 passed, 0 failed, 1 skipped'
    exit 0
fi
check lint-layout layout
check lint-shell shell
check lint-marks marks
checks_end
