# A second pvscsi-run joins the first; the first stays for it; a killed one is in nobody's way.
host
guest demo "ram:8M,0:0:0:0"
n=$(node 0)
mkfifo ready go owner_ready owner_go
background pvscsi-run demo -- bash -c 'echo >owner_ready; read -r _ <owner_go'
owner=$PID
read -r _ <owner_ready
background pvscsi-run demo -- bash -c "echo >ready; read -r _ <go; sg_turs $n"
member=$PID
read -r _ <ready
[ "$(pvscsi-run demo --list)" = "$n" ] || fail "--list beside a running one"
echo >owner_go # the owner's command ends, a member is still there
kill -0 "$owner" || fail "the owner did not stay"
says '' as demo sg_turs "$n"
echo >go
wait "$member" || fail "the member's command failed"
wait "$owner" || fail "the owner failed"

background pvscsi-run demo -- bash -c 'echo >owner_ready; sleep 1000'
owner=$PID
read -r _ <owner_ready
kill -KILL "$owner"
wait "$owner" || true
says '' as demo sg_turs "$n"
