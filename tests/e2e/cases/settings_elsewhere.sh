# A daemon whose command line names its settings and its records: pvscsictl goes by the same without being
# told, also while no daemon runs.
disk a.img 1M
mkdir xen
printf '[allow]\nfolders = [ "%s/none" ]\n[domains]\nfiles = [ "%s/xen/*.cfg" ]\n' "$E2E_DIR" "$E2E_DIR" >elsewhere.toml
config demo "file:$DISK,0:0:0:0"
disk b.img 1M
mv demo.cfg xen/
host --config elsewhere.toml --record-dir records
refused 'folders of .allow.' bed_ctl check "file:$DISK,0:0:0:0"
sed -i "s|/none|/|" elsewhere.toml
bed_ctl reload
says '1 entry is right' bed_ctl check "file:$DISK,0:0:0:0"
# The file is one that the daemon goes by: no warning.
bed_ctl create --no-wait xen/demo.cfg >said 2>&1
! grep 'is no file that the daemon goes by' said || fail "pvscsictl does not know the daemon's files"
until_true 10 store_is "/local/domain/0/backend/vscsi/$(domid demo)/0/vscsi-devs/dev-0/state" 3
bed_daemon_stop
sed -i "s|$E2E_DIR/\"|$E2E_DIR/none\"|" elsewhere.toml
cd /
refused 'folders of .allow.' bed_ctl check "file:$DISK,0:0:0:0"
cd "$E2E_DIR" || fail "the folder is gone"
# One that is started otherwise says so, and without a note the usual places count.
bed_daemon_start
says '1 entry is right' bed_ctl check "file:$DISK,0:0:0:0"
echo damaged >bed/pvscsid/started-with
says '1 entry is right' bed_ctl check "file:$DISK,0:0:0:0"
