# limit: 120
# --persist: what is attached and detached so is what the domain's next start begins with; without it
# the file is. The file itself stays as it was.
disk disk.img 4M
mkdir xen
BED_DIR=$E2E_DIR/bed
mkdir "$BED_DIR"
printf '[domains]\nfiles = [ "%s/xen/*.cfg" ]\n' "$E2E_DIR" >"$BED_DIR/pvscsid.toml"
config demo "file:$DISK,0:0:0:0,name=data" "ram:1M,0:0:1:0"
mv demo.cfg xen/
cp xen/demo.cfg before.cfg
host
restarts() {
    bed_ctl destroy demo >/dev/null && bed_ctl create xen/demo.cfg >/dev/null 2>&1
}
refuses() { # TEXT COMMAND...
    status_of "${@:2}"
    [ "$STATUS" != 0 ] && grep -q -- "$1" <<<"$OUTPUT" || fail "'${*:2}' ended with $STATUS: $OUTPUT"
}
has() { # VDEV...
    [ "$(rows demo state | sed 's/ .*//' | sort | xargs)" = "$*" ]
}
bed_ctl create xen/demo.cfg >/dev/null
says 'next start begins with that' bed_ctl attach --persist demo ram:2M,0:0:2:0
bed_ctl attach demo ram:3M,0:0:3:0
says 'next start begins with that' bed_ctl detach --persist demo 0:0:1:0
# An address that the file never had is not kept from it.
bed_ctl attach --persist demo ram:5M,0:0:7:0 && bed_ctl detach --persist demo 0:0:7:0
! grep -q 0:0:7:0 bed/domains.d/demo.changes || fail "kept: $(cat bed/domains.d/demo.changes)"
has 0:0:0:0 0:0:2:0 0:0:3:0 || fail "it has $(rows demo state)"
restarts
until_true 10 has 0:0:0:0 0:0:2:0 || fail "the next life has $(rows demo state)"
cmp xen/demo.cfg before.cfg || fail "the domain's file was changed"
says '0:0:1:0 is left out' bed_ctl check xen/demo.cfg

# What fails is not kept, nor what nobody could keep.
refuses 'no such file' bed_ctl attach --persist demo "file:$E2E_DIR/none.img,0:0:4:0"
refuses 'there is no LUN' bed_ctl detach --persist demo 0:0:4:0
! grep -q '0:0:4:0' bed/domains.d/demo.changes || fail "kept: $(cat bed/domains.d/demo.changes)"
bed_ctl detach demo 0:0:0:0 # for now, and the file still has it
refuses 'entry 1 has this name' bed_ctl attach --persist demo ram:1M,1:0:0:0,name=data
refuses 'uses the same backing' bed_ctl attach --persist demo "file:$DISK,0:0:6:0"
bed_ctl attach demo "file:$DISK,0:0:0:0,name=data"
mv xen/demo.cfg aside.cfg
refuses 'the daemon knows no xl file' bed_ctl attach --persist demo ram:1M,0:0:6:0
mv aside.cfg xen/demo.cfg
has 0:0:0:0 0:0:2:0 || fail "attached all the same: $(rows demo state)"
rm -r bed/domains.d
: >bed/domains.d
status_of bed_ctl attach --persist demo ram:4M,0:0:5:0
[ "$STATUS" = 1 ] || fail "status $STATUS: $OUTPUT"
has 0:0:0:0 0:0:2:0 || fail "it was attached all the same: $(rows demo state)"
rm bed/domains.d

# define: the file is what is meant now.
says 'next start begins with that' bed_ctl attach --persist demo ram:4M,0:0:5:0
says 'is forgotten' bed_ctl undefine demo
restarts
until_true 10 has 0:0:0:0 0:0:1:0 || fail "after undefine it has $(rows demo state)"
