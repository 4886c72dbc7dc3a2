# limit: 200
# A driver domain ends, and comes back with another number: its guests' LUNs are shown as failed
# with the reason, and are offered again. Domains whose files name it get their LUNs whichever of
# them is there first.
disk there.img 8M
mkdir xen
BED_DIR=$E2E_DIR/bed
mkdir "$BED_DIR"
printf '[domains]\nfiles = [ "%s/xen/*.cfg" ]\n' "$E2E_DIR" >"$BED_DIR/pvscsid.toml"
config demo "file:$DISK,0:0:0:0,storage,name=data" 'ram:1M,1:0:0:0'
mv demo.cfg xen/
host
made_by_others() { # NAME: as xl does, without vscsi=
    config bare-"$1"
    sed -i "s/name = .*/name = \"$1\"/" "bare-$1.cfg"
    bed_ctl create "bare-$1.cfg" 2>/dev/null
}
states() { bed_ctl list demo --json | python3 -c 'import json, sys
print(*sorted(row["state"] for row in json.load(sys.stdin)))'; }
states_are() { [ "$(states)" = "$1" ]; }

# The guest is there first: it waits for all that it is to have.
made_by_others demo
until_true 10 grep -q "there is no domain 'storage', which $E2E_DIR/xen/demo.cfg names" "$BED_DIR/pvscsid.log" ||
    fail "the missing domain is not told"
sleep 0.3
states_are '' || fail "it has: $(bed_ctl list)"
driver_domain storage
until_true 10 states_are 'initialising waiting' || fail "not given: $(bed_ctl list)"
driver_start
until_true 10 states_are 'waiting waiting' || fail "not served: $(bed_ctl list)"
[ "$(grep -c "there is no domain 'storage'" "$BED_DIR/pvscsid.log")" = 1 ] || fail "told more than once"
pvscsi-bench demo 0:0:0:0 --rw=randrw --bs=16k --verify --runtime=0.5
bed_ctl attach demo 'ram:1M,0:0:0:1,storage'

# It ends under the guest. What it had is told of; the daemon, which has no store any more, ends.
mkfifo go
background pvscsi-run --patience 2 demo -- cat go
run=$PID
says '' bed_ctl wait demo
first=$DRIVER
id=$(domid demo)
bed_ctl destroy storage
until_true 20 states_are 'connected failed failed' || fail "$(bed_ctl list)"
says "domain $first \\(storage\\), which served it, has ended" bed_ctl list demo
says "domain $first \\(storage\\), which served it, has ended" bed_ctl show data
refused 'has ended' bed_ctl wait demo
refused 'has ended' bed_ctl set demo data queue-depth=1
daemon_ended() { ! kill -0 "$DRIVER_DAEMON" 2>/dev/null; }
until_true 30 daemon_ended || fail "its daemon goes on without it"
! xenstore-ls -f | grep "^/local/domain/$first/" || fail "nodes of it are left"
echo >go &
until_true 20 test ! -d "/proc/$run" || fail "the guest hangs"

# It is back, with another number, and the guest as it was: with the LUN that was attached, too.
driver_domain storage
[ "$DRIVER" != "$first" ] || fail "the number is the same"
driver_start
until_true 10 states_are 'waiting waiting waiting' || fail "not offered again: $(bed_ctl list)"
store_is "/local/domain/$id/device/vscsi/0/backend-id" "$DRIVER" || fail "another domain serves"
[ "$(rows demo backend)" = '0:0:0:0 storage
0:0:0:1 storage
1:0:0:0 Domain-0' ] || fail "$(rows demo backend)"
pvscsi-bench demo 0:0:0:0 --rw=randrw --bs=16k --verify --runtime=0.5

# The driver domain is there first, and the guest comes again.
bed_ctl destroy demo
made_by_others demo
until_true 10 states_are 'waiting waiting' || fail "not given: $(bed_ctl list)"

# It ends for good, and then the guest does.
bed_ctl destroy storage
until_true 10 states_are 'failed waiting' || fail "$(bed_ctl list)"
says 'detached' bed_ctl detach demo 0:0:0:0
states_are waiting || fail "$(bed_ctl list)"
id=$(domid demo)
! xenstore-exists "/local/domain/$id/device/vscsi/0" || fail "the vhost is left"
bed_ctl destroy demo
! xenstore-ls -f | grep vscsi/ || fail "nodes are left"
[ "$(bed_ctl list --json)" = '[]' ] || fail "$(bed_ctl list)"
