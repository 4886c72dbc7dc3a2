# queue-depth= reaches the data path: what is too much for the unit is answered TASK SET FULL, one
# command at a time always works, and a unit beside it is not concerned.
disk a.img 64M
shallow=$DISK
disk b.img 64M
host
guest demo "file:$shallow,0:0:0:0,queue-depth=1" "file:$DISK,0:0:0:1"
says 'records out' as demo sg_dd if="$(node 0)" of=/dev/null bs=512 bpt=128 count=100000
says 'records out' as demo sgp_dd if="$(node 1)" of=/dev/null bs=512 bpt=128 count=100000 thr=8
status_of as demo sgp_dd if="$(node 0)" of=/dev/null bs=512 bpt=128 count=100000 thr=8
grep -aqi 'task set full' <<<"$OUTPUT" || fail "eight at a time were taken"
says 'records out' as demo sg_dd if="$(node 0)" of=/dev/null bs=512 bpt=128 count=1000

# It can be changed while the unit is in use.
depth_is() {
    bed_ctl stats demo --json | python3 -c '
import json, sys
sys.exit(all(str(l["queue_depth"]) != sys.argv[1] for l in json.load(sys.stdin)["luns"] if l["vdev"] == "0:0:0:0"))' "$1"
}
counts_full() { bed_ctl stats demo --json | python3 -c '
import json, sys
print(*[l["task_sets_full"] for l in json.load(sys.stdin)["luns"] if l["vdev"] == "0:0:0:0"])'; }
set_depth() { # set_depth OPTION WHAT_IT_IS_THEN
    bed_ctl set demo 0:0:0:0 "queue-depth=$1" || fail "set queue-depth=$1"
    until_true 10 depth_is "$2" || fail "the daemon does not have queue-depth=$1 in force"
}
read_eight() { as demo sgp_dd if="$(node 0)" of=/dev/null bs=512 bpt=128 count=100000 thr=8; }
before=$(counts_full)
set_depth '' 16
says 'records out' read_eight
[ "$(counts_full)" = "$before" ] || fail "refused $(counts_full) after it was unset, $before before"
set_depth 1 1
status_of read_eight
[ "$(counts_full)" -gt "$before" ] || fail "none was refused after it was set"
