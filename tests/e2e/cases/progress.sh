# limit: 30
# Who waits at a terminal for more than a second is told for how long; a script is not.
host
guest demo ram:1M,0:0:0:0
kill -STOP "$BED_DAEMON"
status_of bed_ctl attach --timeout 2 demo ram:1M,0:0:1:0
kill -CONT "$BED_DAEMON"
! grep -q 'waiting for' <<<"$OUTPUT" || fail "a script is told"
bed_ctl detach --force demo 0:0:1:0 >/dev/null
kill -STOP "$BED_DAEMON"
TERM=linux script -qec "pvscsictl attach --timeout 3 demo ram:1M,0:0:1:0" said </dev/null >/dev/null 2>&1 || true
kill -CONT "$BED_DAEMON"
grep -aq 'waiting for guest and daemon, 2 s at most' said || fail "nobody is told: $(cat said)"
# Erased before anything else is said.
tr '\r' '\n' <said | grep -a 'at most' | grep -av '^.\[Kpvscsictl: waiting for guest and daemon, [0-9]* s at most$' &&
    fail "it is not erased: $(cat said)"
grep -aqP '\r\x1b\[K[^p]*pvscsictl: ' said || fail "what comes after it: $(cat -v said)"
