# shellcheck shell=bash
# For a suite that is one script of checks:
#
#   check NAME COMMAND...   prints "ok NAME" if the command succeeds, else "not ok NAME"
#   checks_end              prints the sum, which tests/run.sh reads; 1 if a check has failed

checks_passed=0 checks_failed=0
check() {
    if "${@:2}"; then
        echo "ok $1"
        checks_passed=$((checks_passed + 1))
    else
        echo "not ok $1"
        checks_failed=$((checks_failed + 1))
    fi
}
checks_end() {
    echo "$checks_passed passed, $checks_failed failed, 0 skipped"
    [ "$checks_failed" = 0 ]
}
