# limit: 300
# A driver domain serves a guest, next to dom0: the third field says who. Its pvscsid has the rights
# of that domain alone. Data are right, LUNs come and go, and its restarts go unnoticed.
disk there.img 16M
there=$DISK
disk here.img 8M
host
driver_domain storage
driver_start
grep -q 'this is a driver domain' "$BED_DIR/driver.log" || fail "it does not say what it is"

# Who is to serve has to be there. Its devices are not dom0's to look at.
refused "'shelf': the third field, as it is no option, names the domain .* there is no such domain" \
    bed_ctl check 'ram:1M,0:0:0:0,shelf'
config demo 'ram:1M,0:0:0:0,shelf'
refused 'there is no such domain.*' bed_ctl create demo.cfg
refused 'there is no such domain' bed_ctl attach storage 'ram:1M,0:0:0:0,77'
says "is a unit of domain 'storage', and that domain's devices are not looked at from here" \
    bed_ctl check "file:/none.img,0:0:0:0,storage"
refused 'there is no such file' bed_ctl check "file:/none.img,0:0:0:0"

guest demo "file:$there,0:0:0:0,storage,name=data" 'ram:4M,0:0:0:1,storage' "file:$DISK,1:0:0:0"
id=$(domid demo)
back=/local/domain/$DRIVER/backend/vscsi/$id/0
front=/local/domain/$id/device/vscsi/0
store_is "$front/backend" "$back" && store_is "$front/backend-id" "$DRIVER" || fail "frontend's nodes"
[ "$(xenstore-ls -p "$back" | sed -n 's/^state = .*(\(.*\))/\1/p')" = "n$DRIVER,r$id" ] || fail "permissions"
as demo true # connects, and leaves
[ "$(rows demo backend)" = '0:0:0:0 storage
0:0:0:1 storage
1:0:0:0 Domain-0' ] || fail "$(rows demo backend)"
says 'BACKEND' bed_ctl list
says "served by +domain $DRIVER 'storage'" bed_ctl show data
bed_ctl list --json | python3 -c '
import json, sys
from jsonschema import validate
validate(json.load(sys.stdin), json.load(open(sys.argv[1])))' "$E2E_PROJECT/backend/ctl/list.schema.json"
XENSTORED_PATH=$BED_DIR/xenstored "$E2E_PROJECT/xenstore-schemas/check_schemas.py" live --domain "$id" ||
    fail "the nodes are not as the schemas say"

# Data, on both.
says 'MB/s|IOPS|iops' pvscsi-bench demo 0:0:0:0 --rw=randrw --bs=16k --verify --runtime=1
pvscsi-bench demo 0:0:0:1 --rw=randrw --bs=4k --verify --runtime=0.5
pvscsi-bench demo 1:0:0:0 --rw=randrw --bs=4k --verify --runtime=0.5
noise data 1M
as demo sg_dd if=data of="$(node 0)" bs=512
cmp -n 1048576 data "$there" || fail "the data are not in the driver domain's file"

# A unit's serial number is the same as another one's would be after a reboot: it comes of the UUID.
serial=$(as demo sg_inq -p sn "$(node 1)" | sed -n 's/.*Unit serial number: //p')
[ -n "$serial" ] || fail "no serial number"

# Added, changed and removed under a guest that is connected.
mkfifo go
background pvscsi-run demo -- cat go
says '' bed_ctl wait demo
says 'attached' bed_ctl attach demo 'ram:2M,0:0:0:2,storage'
says '' bed_ctl wait demo 0:0:0:2
refused 'vhost 0 is served by domain [0-9]+ .storage.; an entry of another domain needs a vhost of its own' \
    bed_ctl attach demo 'ram:2M,0:0:0:3'
refused 'vhost 1 is served by domain 0' bed_ctl attach demo 'ram:2M,1:0:0:3,storage'
refused "domain $id uses it as 0:0:0:0" bed_ctl attach demo "file:$there,0:0:0:3,storage"
says 'attached' bed_ctl attach demo "file:$DISK.copy,0:0:0:4,storage,ro" --no-wait
until_true 10 grep -q copy "$BED_DIR/driver.log" || fail "the driver domain has not looked for it"
says 'failed' bed_ctl list demo
bed_ctl detach demo 0:0:0:4
says 'queue-depth=2' bed_ctl set demo data queue-depth=2
store_is "/local/domain/$id/pvscsi/0/dev-0" "file:$there,0:0:0:0,storage,name=data,queue-depth=2" ||
    fail "not remembered: $(xenstore-read "/local/domain/$id/pvscsi/0/dev-0")"
says 'detached' bed_ctl detach demo 0:0:0:2
in_driver() { PVSCSI_HOST=$(domain_dir "$DRIVER") "$@"; }
says 'demo +[0-9]+ +0:0:0:0' in_driver pvscsictl stats demo
says 'demo +[0-9]+ +0:0:0:0 +connected' in_driver pvscsictl list
refused 'Permission denied' in_driver pvscsictl attach demo 'ram:1M,0:0:0:5'
echo >go

# Restarted and killed below a guest that writes: it sees a pause.
bed_ctl detach demo 0:0:0:1 # memory ends with the daemon that held it
bed_ctl set demo data queue-depth=
writer_start --patience 60
for signal in KILL TERM KILL TERM; do
    driver_stop "$signal"
    before=$(writer_position)
    driver_start
    writer_must_pass "$before" "after $signal"
done
writer_stop

# The guest ends: nothing of it is left, with anybody.
fds=$(descriptors "$DRIVER_DAEMON")
background pvscsi-run demo -- cat go
says '' bed_ctl wait demo
bed_ctl destroy demo
! xenstore-ls -f | grep -E "vscsi/$id|/local/domain/$id" || fail "nodes are left"
let_go() { [ "$(descriptors "$DRIVER_DAEMON")" -lt "$fds" ] && ! grep -q "$there" "/proc/$DRIVER_DAEMON/maps"; }
until_true 10 let_go || fail "the daemon holds on: $fds, $(descriptors "$DRIVER_DAEMON")"
[ -z "$(find "$(domain_dir "$DRIVER")/pvscsid" -name '*.ring' -o -name '*.unit')" ] || fail "state is left"
driver_stop
