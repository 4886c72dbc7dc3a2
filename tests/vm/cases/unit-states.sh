# shellcheck shell=bash
# seconds: 200
# pvscsictl check asks the units themselves: one that is stopped, one that does not answer, one that
# another initiator has reserved; and says nothing of a sound one.
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
scsi_debug dev_size_mb=16
node=${debug_nodes[0]}
guest_up ram:1M

checked() { # ENTRY STATUS [TEXT]
    pvscsictl check "$1" >/tmp/check 2>&1
    local status=$?
    cat /tmp/check
    [ $status = "$2" ] || fail "status $status of the check of $1, not $2"
    [ -z "${3:-}" ] || grep -q "$3" /tmp/check || fail "it does not say: $3"
}
checked "$node,1:0:0:0" 0 '^1:0:0:0: disk of 17 MB, passed through, naa\.[0-9a-f]*$'
# Of a sound disk nothing but that its name does not stay; the one that is told instead does.
[ "$(grep -c 'warning' /tmp/check)" = 1 ] || fail "something is said of a sound disk"
stays=$(sed -n 's/.*after a boot this name may lead to another unit; expected //p' /tmp/check)
checked "$stays,1:0:0:0" 0 "$(grep -o 'naa\.[0-9a-f]*$' /tmp/check | head -n 1)"
grep -q 'warning' /tmp/check && fail "something is said of $stays"
# What it led to when the domain was given it.
printf 'name = "later"\nvscsi = [ "%s,1:0:0:0" ]\n' "$node" >/tmp/later.cfg
mkdir -p "$PVSCSI_HOST/units"
printf '1:0:0:0\tnaa.1\t%s\n' "$node" >"$PVSCSI_HOST/units/later"
checked /tmp/later.cfg 1 'and led to naa.1 when the domain was given it'
# A device without a size.
must modprobe loop
checked "$(losetup -f),1:0:0:0" 1 'has a size of 0'

must sg_start --stop "$node"
checked "$node,1:0:0:0" 0 'it is not ready'
must sg_start --start "$node"

knob opts 4
knob every_nth -1
checked "$node,1:0:0:0" 1 'it does not answer'
knob every_nth 0
knob opts 0
wait_until 30 busy_is "$node" 0 || fail "the command is still there"
checked "$node,1:0:0:0" 0

truncate -s 1000 /tmp/odd.img
checked file:/tmp/odd.img,1:0:0:0 0 'last 488 bytes'

# Two ways to one disk of LIO, each an initiator of its own.
lio_disk
must sg_persist --out --register --param-sark=0x1234 "$ours"
must sg_persist --out --reserve --param-rk=0x1234 --prout-type=5 "$ours"
checked "$theirs,1:0:0:0" 0 'reserved: write exclusive, registrants only, by key 0x1234'
must sg_persist --out --release --param-rk=0x1234 --prout-type=5 "$ours"
checked "$theirs,1:0:0:0" 0
grep -q reserved /tmp/check && fail "it is reserved no more"
guest_down
