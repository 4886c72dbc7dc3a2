# What a domain had can be given to another one as soon as destroy has ended, however long the daemon
# takes to let go of it: here each file takes it a while to close.
command -v strace >/dev/null || skip "no strace"
disk disk.img 4M
host
guest first "file:$DISK,0:0:0:0"
# The thread that serves it, not the one that looks at what is to be given.
worker=$(grep -l '^pvscsi-data' /proc/"$BED_DAEMON"/task/*/comm | cut -d/ -f5 | head -n 1)
is_traced() { ! grep -q '^TracerPid:[[:space:]]0$' "/proc/$worker/status"; }
strace -qq -p "$worker" -o /dev/null -e trace=close -e inject=close:delay_enter=1500000 &
tracer=$!
until_true 10 is_traced || fail "strace does not come to the daemon"
bed_ctl destroy first
[ -z "$(xenstore-ls /local/domain/0/backend/vscsi 2>/dev/null)" ] || fail "there is left: $(xenstore-ls /local/domain/0/backend/vscsi)"
guest second "file:$DISK,0:0:0:0"
kill -INT "$tracer"
wait "$tracer" || true
