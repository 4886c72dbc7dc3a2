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
checked "$node,1:0:0:0" 0
grep -q 'warning' /tmp/check && fail "something is said of a sound disk"

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
core=/sys/kernel/config/target/core/rd_mcp_0/disk
modprobe tcm_loop || skip "no LIO in this kernel"
mount -t configfs configfs /sys/kernel/config 2>/dev/null
must mkdir -p $core
echo rd_pages=1024 >$core/control
echo 1 >$core/enable
for way in 1 2; do
    port=/sys/kernel/config/target/loopback/naa.500140500000001$way/tpgt_1
    must mkdir -p $port/lun/lun_0
    echo naa.500140500000002$way >$port/nexus
    must ln -s $core $port/lun/lun_0/disk
done
ways() { grep -l RAMDISK /sys/class/scsi_generic/*/device/model | cut -d/ -f5; }
two_ways() { [ "$(ways | wc -l)" = 2 ]; }
wait_until 20 two_ways || fail "not two ways to the disk: $(ways)"
mapfile -t sg < <(ways)
mkdir -p /var/target/pr # LIO notes registrations there
must sg_persist --out --register --param-sark=0x1234 "/dev/${sg[0]}"
must sg_persist --out --reserve --param-rk=0x1234 --prout-type=5 "/dev/${sg[0]}"
checked "/dev/${sg[1]},1:0:0:0" 0 'reserved: write exclusive, registrants only, by key 0x1234'
must sg_persist --out --release --param-rk=0x1234 --prout-type=5 "/dev/${sg[0]}"
checked "/dev/${sg[1]},1:0:0:0" 0
grep -q reserved /tmp/check && fail "it is reserved no more"
guest_down
