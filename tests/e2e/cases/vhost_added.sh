# A vhost that is attached while pvscsi-run runs, and one that goes and comes back, appear to the
# programs below it.
host
guest demo "ram:8M,0:0:0:0"
mkfifo ready go
background pvscsi-run demo -- bash -c 'while echo >ready && read -r command <go; do eval "$command"; done'
runner=$PID
# there COMMAND: as a program below that pvscsi-run; fails with it.
there() {
    read -r _ <ready
    echo "$* && echo done >answer || echo failed >answer" >go
    until_true 20 test -s answer || fail "no answer to '$*'"
    local answer
    answer=$(cat answer)
    rm answer
    [ "$answer" = "done" ]
}
there 'sg_turs /dev/pvscsi/0:0:0:0' || fail "the first node is not there"
says 'attached' pvscsictl attach demo ram:8M,1:0:0:0
until_true 20 there 'test -e /dev/pvscsi/1:0:0:0' || fail "the new vhost's node does not appear"
there 'sg_turs /dev/pvscsi/1:0:0:0' || fail "the new vhost does not serve"
[ "$(pvscsi-run demo --list | tr '\n' ' ')" = "$(node 0) /dev/pvscsi/1:0:0:0 " ] || fail "--list"

# The vhost stays when its last LUN goes; another one of the same address is another unit.
says 'detached' pvscsictl detach demo 1:0:0:0
until_true 20 there 'test ! -e /dev/pvscsi/1:0:0:0' || fail "the node stays"
says 'attached' pvscsictl attach demo ram:16M,1:0:0:0
until_true 20 there 'test -e /dev/pvscsi/1:0:0:0' || fail "the node does not come back"
there 'sg_readcap /dev/pvscsi/1:0:0:0 | grep -q "16.0* MiB\|16777216"' || fail "not the new unit"
there 'sg_turs /dev/pvscsi/0:0:0:0' || fail "the first vhost suffered"

# With no daemon there it waits for one.
bed_daemon_kill
says '' pvscsictl attach --no-wait demo ram:8M,2:0:0:0
sleep 0.3
bed_daemon_start
until_true 30 there 'test -e /dev/pvscsi/2:0:0:0' || fail "no node after the daemon came"
read -r _ <ready
echo exit >go
wait "$runner" || fail "pvscsi-run failed"
