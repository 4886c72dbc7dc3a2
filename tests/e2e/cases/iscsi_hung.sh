# A target that stops in the middle of everything: the commands end in bounded time, the other unit of
# the vhost goes on, and when the target goes on so does this one. A reset is the target's.
tgt
truncate -s 16M disk
tgt_target 1
tgt_lun 1 1 "$E2E_DIR/disk"
tgt_open 1
disk local.img 4M
host
guest demo "$(tgt_url 1 1),0:0:0:0,timeout=4" "file:$DISK,0:0:0:1"
status_of as demo sg_turs -n 2 "$(node 0)"
# LOGICAL UNIT RESET reaches it: the next command hears of it.
mkfifo ready go
background pvscsi-run demo -- bash -c "sg_turs -n 2 $(node 0); sg_turs $(node 0) && echo >ready && read -r _ <go
    sg_turs $(node 0)"
read -r _ <ready
kill -STOP "$TGT_PID"
echo >go
begun=$SECONDS
as demo sg_dd if="$(node 1)" of=/dev/null bs=512 count=1000 || fail "the other unit waits, too"
[ $((SECONDS - begun)) -le 5 ] || fail "the other unit waits, too"
wait "$PID" || true
grep -q 'a command whose time is over and its ABORT were not answered' bed/pvscsid.log || fail "the command did not end"
[ $((SECONDS - begun)) -le 60 ] || fail "it took $((SECONDS - begun)) s"
kill -CONT "$TGT_PID"
until_true 60 as demo sg_turs "$(node 0)" || fail "it does not go on"
says '' as demo sg_reset -N -d "$(node 0)"
until_true 10 as demo sg_turs "$(node 0)" || fail "it does not go on after a reset"
