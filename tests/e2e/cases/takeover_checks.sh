# limit: 200
# What a daemon that takes connections over does not do: serve another file under the old name, or a
# memory that has lost its contents, as if nothing had been; run beside another one; forget what
# it has offered.
disk a.img 4M
disk other.img 8M
disk good.img 4M
disk again.img 4M
disk cut.img 4M
disk grown.img 4M
host --max-segments 512
guest demo "file:$E2E_DIR/a.img,0:0:0:0" "ram:4M,0:0:0:1" "file:$E2E_DIR/good.img,0:0:0:2" \
    "file:$E2E_DIR/again.img,0:0:0:3" "file:$E2E_DIR/cut.img,0:0:0:4" "file:$E2E_DIR/grown.img,0:0:0:5"
mkfifo ready go
background pvscsi-run demo -- bash -euc 'for n in 0 1 2 3 4 5; do sg_turs /dev/pvscsi/0:0:0:$n; done
    echo >ready; while read -r line <go; do eval "$line" >>out 2>&1 && echo done >>out || echo failed >>out; echo >ready; done'
read -r _ <ready
in_guest() { echo "$*" >go; read -r _ <ready; tail -n 1 out; }

refused 'another pvscsid serves this domain' pvscsid --state-dir "$E2E_DIR/elsewhere"
bed_daemon_kill
mv a.img was.img
mv other.img a.img
rm again.img # its inode is free for the next one
disk again.img 4M
truncate -s 1M cut.img
truncate -s 32M grown.img
bed_daemon_start --max-segments 26
until_true 20 grep -q 'taken over' "$BED_DIR/pvscsid.log" || fail "not taken over"
[ "$(in_guest "sg_dd if=$(node 2) of=/dev/null bs=512 bpt=2000 count=4000")" = "done" ] ||
    fail "the unit that is the same is not served, or not as it was offered: $(cat out)"
[ "$(in_guest "sg_dd if=$(node 0) of=/dev/null bs=512 count=1")" = failed ] || fail "another file is served under the old name"
[ "$(in_guest "sg_dd if=$(node 1) of=/dev/null bs=512 count=1")" = failed ] || fail "a memory without its contents is served: $(cat out)"
[ "$(in_guest "sg_dd if=$(node 3) of=/dev/null bs=512 count=1")" = failed ] ||
    fail "a file made anew under the old name is served"
[ "$(in_guest "sg_dd if=$(node 4) of=/dev/null bs=512 count=1")" = failed ] || fail "a file that was cut is served"
[ "$(in_guest "sg_turs -v $(node 5)")" = failed ] && grep -q 'Capacity data has changed' out ||
    fail "a file that has grown is not announced: $(cat out)"
[ "$(in_guest "sg_readcap $(node 5)")" = "done" ] || fail "a file that has grown is not served: $(cat out)"
says 'is not what the guest was connected to' bed_ctl list demo
says 'has 1048576 bytes, and had 4194304' bed_ctl list demo
says 'contents ended with the daemon' bed_ctl list demo
xenstore-ls -p "/local/domain/0/backend/vscsi/1/0/vscsi-devs/dev-2" | grep 'identity' | grep -q '(n0)' ||
    fail "the guest can read what it is not to know"

# A new connection takes them as they are now.

kill -KILL -- "-$PID" 2>/dev/null
wait "$PID" 2>/dev/null || true
says . as demo sg_readcap "$(node 0)"
says . as demo sg_readcap "$(node 1)"
[ "$(xenstore-read /local/domain/0/backend/vscsi/1/0/feature-sg-grant)" = 26 ] ||
    fail "a new connection is offered the old limit"
bed_ctl destroy demo
