# limit: 200
# A driver domain serves and dom0 has no daemon: pvscsictl does all that is dom0's, at once. Another
# domain that has a daemon gets at none of it.
disk there.img 8M
BED_DIR=$E2E_DIR/bed
bed_host_start
driver_domain storage
storage=$DRIVER
config demo "file:$DISK,0:0:0:0,storage" "ram:4M,0:0:0:1,$storage"
refused 'has another backend domain on the same vhost' bed_ctl create demo.cfg
config demo "file:$DISK,0:0:0:0,storage"
# Nobody serves yet: it is said whose daemon is missing.
status_of bed_ctl create --timeout 0.3 demo.cfg
[ "$STATUS" = 7 ] && grep -q "the LUNs appear when pvscsid of domain $storage 'storage' runs" <<<"$OUTPUT" ||
    fail "status $STATUS"
driver_domain thief
thief=$DRIVER
DRIVER=$storage
driver_start
id=$(domid demo)
back=/local/domain/$storage/backend/vscsi/$id/0
until_true 10 store_is "$back/vscsi-devs/dev-0/state" 3 || fail "not served"
pvscsi-bench demo 0:0:0:0 --rw=randrw --bs=16k --verify --runtime=0.5

# The rights that the domain has. Those of the guest, of dom0's record and of another domain it has
# not; another domain has none of its.
as_domain() { XENSTORED_PATH=$BED_DIR/dom/$1/xenstored "${@:2}"; }
as_domain "$storage" xenstore-write "$back/probe" x
as_domain "$storage" xenstore-rm "$back/probe"
record=/local/domain/$id/pvscsi/0
! as_domain "$storage" xenstore-write "/local/domain/$id/device/vscsi/0/state" 4 2>/dev/null || fail "F is written"
! as_domain "$storage" xenstore-read "$record/dev-0" 2>/dev/null || fail "the record is read"
! as_domain "$id" xenstore-write "$record/backend-id" 0 2>/dev/null || fail "the guest writes the record"
! as_domain "$id" xenstore-write "$back/state" 6 2>/dev/null || fail "the guest writes the backend's state"
! as_domain "$thief" xenstore-read "$back/state" 2>/dev/null || fail "another domain reads it"
! as_domain "$storage" xenstore-write "/local/domain/$storage/backend/vscsi/$thief/0/state" 1 2>/dev/null ||
    fail "it makes vhosts for whom it likes"

# What the guest says of its backend changes nothing for dom0.
as_domain "$id" xenstore-write /local/domain/"$id"/device/vscsi/0/backend-id 0
as_domain "$id" xenstore-write /local/domain/"$id"/device/vscsi/0/backend /local/domain/0/backend/vscsi/"$id"/0
[ "$(rows demo backend)" = '0:0:0:0 storage' ] || fail "$(rows demo backend)"
as_domain "$id" xenstore-write /local/domain/"$id"/device/vscsi/0/backend-id "$storage"
as_domain "$id" xenstore-write /local/domain/"$id"/device/vscsi/0/backend "$back"

# Changed and ended by pvscsictl alone, under a guest that is connected.
mkfifo go
background pvscsi-run demo -- cat go
says '' bed_ctl wait demo
says 'attached' bed_ctl attach demo 'ram:2M,0:0:0:2,storage'
says '' bed_ctl wait demo 0:0:0:2
says 'detached' bed_ctl detach demo 0:0:0:2
start=$SECONDS
says 'destroyed' bed_ctl destroy demo
[ $((SECONDS - start)) -lt 5 ] || fail "it waited for a daemon that is not there"
! grep -q warning <<<"$OUTPUT" || fail "a warning: $OUTPUT"
! xenstore-ls -f | grep -E "vscsi/$id|/local/domain/$id" || fail "nodes are left"
let_go() { ! grep -q "$DISK" <(find "/proc/$DRIVER_DAEMON/fd" -printf '%l\n'); }
until_true 10 let_go || fail "the daemon has the file still"

# As xl does it: the domain goes, and nobody clears away. pvscsictl does, whenever it is asked; so
# does a daemon of dom0 when it starts.
guest demo "file:$DISK,0:0:0:0,storage"
id=$(domid demo)
until_true 10 store_is "/local/domain/$storage/backend/vscsi/$id/0/vscsi-devs/dev-0/state" 3 || fail "not served"
nodes=$(xenstore-ls -f "/local/domain/$storage/backend" | wc -l)
[ "$nodes" -gt 10 ] || fail "there are no nodes"
bed_ctl destroy demo
for dead in 77 78; do # ids that no domain has
    xenstore-write "/local/domain/$storage/backend/vscsi/$dead/0/frontend-id" "$dead"
done
says 'what it left in the store is removed' bed_ctl destroy 77
bed_daemon_start
gone() { ! xenstore-exists "/local/domain/$storage/backend/vscsi/78"; }
until_true 10 gone || fail "dom0's daemon has not cleared away"
driver_stop
