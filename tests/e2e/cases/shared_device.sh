# Two guests share a block device; this host's own use of it, and a guest that would have it alone,
# are refused as long as one of them is there.
loop disk.img 16M
host
guest alpha "$LOOP,0:0:0:0,exclusive=no"
guest beta "$LOOP,0:0:0:0,exclusive=no"
guest gamma "ram:1M,0:0:0:0"
noise data 1M
mkfifo ready go
# The device is open while a guest is connected to it, too.
background pvscsi-run beta -- bash -c 'echo >ready; read -r _ <go
    exec sg_dd if="$1" of=back bs=512 count=2048' _ "$(node 0)"
read -r _ <ready
as alpha sg_dd if=data of="$(node 0)" bs=512
claimed() { python3 -c 'import os, sys
try:
    os.open(sys.argv[1], os.O_RDONLY | os.O_EXCL)
except OSError:
    sys.exit(0)
sys.exit(1)' "$LOOP"; }
claimed || fail "this host could mount what two guests have"
refused 'uses it as' bed_ctl attach gamma "$LOOP,0:0:0:1"
refused 'uses it as' bed_ctl attach gamma "$LOOP,0:0:0:1,ro"
says attached bed_ctl attach gamma "$LOOP,0:0:0:1,ro,exclusive=no"
bed_ctl destroy alpha
claimed || fail "this host could mount what a guest still has"
bed_daemon_kill
bed_daemon_start
until_true 20 grep -q 'taken over' "$BED_DIR/pvscsid.log" || fail "not taken over"
claimed || fail "this host could mount it after a restart"
echo >go
wait "$PID" || fail "the second guest does not work"
cmp data back || fail "beta does not read what alpha has written"
bed_ctl destroy beta
bed_ctl destroy gamma
until_true 10 eval '! claimed' || fail "it is not let go of"

# What this host has is refused, shared or not.
mkfifo held
background python3 -c 'import os, sys, time
fd = os.open(sys.argv[1], os.O_RDONLY | os.O_EXCL)
open("held", "w").write("held")
time.sleep(1000)' "$LOOP"
read -r _ <held || true # it has no end of line
guest --start-anyway delta "$LOOP,0:0:0:0,exclusive=no"
until_true 10 eval 'rows delta error | grep -q "mounted or in use"' || fail "it is given away"
