# limit: 120
# The daemon knows the domains' files: a domain that somebody else makes, as xl does, which drops
# `vscsi=`, has its LUNs; after a reboot as well, which gives it another number.
disk disk.img 4M
mkdir xen
BED_DIR=$E2E_DIR/bed
mkdir "$BED_DIR"
cat >"$BED_DIR/pvscsid.toml" <<EOF
[allow]
folders = [ "$E2E_DIR" ]
[domains]
files = [ "$E2E_DIR/xen/*.cfg" ]
EOF
config demo "file:$DISK,0:0:0:0" "ram:1M,1:0:0:0"
mv demo.cfg xen/
host
made_by_others() { # NAME: without vscsi=
    config bare-"$1"
    sed -i "s/name = .*/name = \"$1\"/" "bare-$1.cfg"
    bed_ctl create "bare-$1.cfg" 2>/dev/null
}
connectable() { [ "$(bed_ctl list "$1" --json | grep -c '"state": "waiting"')" = "$2" ]; }
made_by_others demo
until_true 10 connectable demo 2 || fail "no LUNs: $(bed_ctl list)"
says 'PVSCSI +DISK|DISK' as demo sg_inq "$(node 0)"

# A reboot: the domain goes, and comes with another number.
bed_ctl destroy demo
[ "$(bed_ctl list --json)" = '[]' ] || fail "LUNs are left"
made_by_others demo
until_true 10 connectable demo 2 || fail "no LUNs after the reboot: $(bed_ctl list)"

# What was detached stays so, whatever the guest does to its own nodes.
bed_ctl detach demo 1:0:0:0
id=$(xenstore-list /local/domain | tail -n 1)
XENSTORED_PATH=$BED_DIR/dom/$id/xenstored xenstore-rm "/local/domain/$id/device/vscsi/1/backend"
kill -HUP "$BED_DAEMON"
sleep 0.5
connectable demo 1 || fail "the guest has undone a detach: $(bed_ctl list)"
bed_ctl destroy demo

# By UUID, whatever its name.
sed -i 's/^type/uuid = "6F0A4FE2-0d3c-4c41-9d0a-c5e5a5b05b4d"\ntype/' xen/demo.cfg
config other
sed -i 's/^type/uuid = "6f0a4fe2-0d3c-4c41-9d0a-c5e5a5b05b4d"\ntype/' other.cfg
bed_ctl create other.cfg
until_true 10 connectable other 2 || fail "not known by its UUID: $(bed_ctl list)"
bed_ctl destroy other
made_by_others demo # another UUID
sleep 0.5
[ "$(bed_ctl list --json)" = '[]' ] || fail "known by a name that has another UUID"
bed_ctl destroy demo
sed -i '/^uuid/d' xen/demo.cfg

# What pvscsictl makes itself from the same file is not made twice.
for _ in 1 2 3; do
    bed_ctl create xen/demo.cfg
    [ "$(bed_ctl list --json | grep -c '"vdev"')" = 2 ] || fail "$(bed_ctl list)"
    says 'Serial number|Unit serial' as demo sg_vpd -p sn "$(node 0)"
    bed_ctl destroy demo
done

# A mistake in a file is said, and the domain goes without; mended, it is taken at once.
config demo "file:$DISK,0:0:0:0,what=1"
mv demo.cfg xen/
made_by_others demo
until_true 10 grep -q "xen/demo.cfg: vscsi: entry 1: 'what=1'" "$BED_DIR/pvscsid.log" ||
    fail "the mistake is not logged"
config demo "file:$DISK,0:0:0:0"
mv demo.cfg xen/
kill -HUP "$BED_DAEMON"
until_true 10 connectable demo 1 || fail "not taken after it was mended: $(bed_ctl list)"
bed_ctl destroy demo

# check goes by what the daemon goes by.
truncate -s 1M /var/tmp/pvscsi-e2e-elsewhere.$$
refused 'is not in folders of \[allow\]' bed_ctl check "file:/var/tmp/pvscsi-e2e-elsewhere.$$,0:0:0:0"
says '^0:0:0:0: disk of 4.2 MB, emulated \(block\)$' bed_ctl check "file:$DISK,0:0:0:0"

# A settings file that vanishes does not take the allow-list along.
mv "$BED_DIR/pvscsid.toml" "$BED_DIR/was.toml"
kill -HUP "$BED_DAEMON"
until_true 10 grep -q 'settings stay as they were' "$BED_DIR/pvscsid.log" || fail "not said"

# What is not allowed is not opened: the domain does not run without it, unless that is asked for.
config demo "file:/var/tmp/pvscsi-e2e-elsewhere.$$,0:0:0:0" "file:$DISK,0:0:0:1"
refused 'is not in folders of \[allow\]' bed_ctl create demo.cfg
[ "$STATUS" = 1 ] || fail "status $STATUS"
[ -z "$(number_of demo)" ] || fail "the domain runs all the same"
says 'created' bed_ctl create --start-anyway demo.cfg
rm /var/tmp/pvscsi-e2e-elsewhere.$$
says 'failed' bed_ctl list demo
says 'is not in folders of \[allow\]' bed_ctl list demo
connectable demo 1 || fail "the other one is not served"
