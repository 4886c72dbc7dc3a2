# pvscsi-run ends as the command ended: status, signal, not found, cannot be run.
host
guest demo "ram:8M,0:0:0:0"
status_of as demo sh -c 'exit 37'
[ "$STATUS" -eq 37 ] || fail "status 37 became $STATUS"
status_of as demo sh -c 'kill -TERM $$'
[ "$STATUS" -eq 143 ] || fail "SIGTERM became $STATUS"
status_of as demo /nonexistent/program
[ "$STATUS" -eq 127 ] || fail "a missing command gives $STATUS"
touch plain
status_of as demo ./plain
[ "$STATUS" -eq 126 ] || fail "a command that is no program gives $STATUS"

# Signals reach the command, and its answer to them is the answer.
mkfifo ready
background pvscsi-run demo -- bash -c 'trap "exit 9" TERM; echo >ready; while :; do sleep 0.05; done'
runner=$PID
read -r _ <ready
kill -TERM "$runner"
status=0
wait "$runner" || status=$?
[ "$status" -eq 9 ] || fail "a forwarded SIGTERM ended with $status"
