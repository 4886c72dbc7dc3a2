# A unit that cannot be reached fails alone, with the reason, in bounded time, and the others work: a
# portal that takes connections and says nothing, one where nobody is, a LUN that is not there, a
# target that is not there, secrets that nobody has. It is tried again with the next connection.
tgt
truncate -s 16M disk
tgt_target 1
tgt_lun 1 1 "$E2E_DIR/disk"
tgt_open 1
background python3 -c '
import socket, sys, time
s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True); time.sleep(600)' >silent
until_true 10 test -s silent
disk local.img 4M
mkdir bed
printf '[allow]\ntargets = [ "%s:*" ]\n' "$TGT_IQN" >bed/pvscsid.toml
host
begun=$SECONDS
guest --start-anyway demo "file:$DISK,0:0:0:0" "iscsi://127.0.0.1:$(cat silent)/$TGT_IQN:silent/1,0:0:0:1" \
    "iscsi://127.0.0.1:1/$TGT_IQN:nobody/1,0:0:0:2" "$(tgt_url 1 9),0:0:0:3" \
    "iscsi://$TGT_PORTAL/$TGT_IQN:none/1,0:0:0:4" \
    "iscsi://127.0.0.1/iqn.2026-11.other:1/0,0:0:0:7" \
    "iscsi://user@$TGT_PORTAL/$TGT_IQN:2/1,0:0:0:5" "$(tgt_url 1 1),0:0:0:6"
as demo sg_turs "$(node 0)"
[ $((SECONDS - begun)) -le 40 ] || fail "it took $((SECONDS - begun)) s"
status_of as demo sg_turs -n 2 "$(node 6)"
says '' as demo sg_turs "$(node 6)"
rows demo error >errors
cat errors
grep -q '^0:0:0:1 127.0.0.1:[0-9]* does not answer' errors || fail "the silent portal"
grep -qi '^0:0:0:2 .*refused' errors || fail "nobody there"
grep -q "^0:0:0:3 $TGT_IQN:1 has no LUN 9" errors || fail "no such LUN"
grep -qi '^0:0:0:4 .*not found' errors || fail "no such target"
grep -q '^0:0:0:5 the secrets .* cannot be read' errors || fail "no secrets"
grep -q '^0:0:0:7 iqn.2026-11.other:1 is not in targets of .allow' errors || fail "not allowed"
# The LUN comes, and the next connection has it.
truncate -s 8M late
tgt_lun 1 9 "$E2E_DIR/late"
status_of as demo sg_turs -n 2 "$(node 3)"
says '' as demo sg_turs "$(node 3)"
