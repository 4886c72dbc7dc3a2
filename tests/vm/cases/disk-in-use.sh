# shellcheck shell=bash
# seconds: 400
# A disk that this host uses is not given to a guest: not by pvscsictl, which says so before it
# changes anything, and not by the daemon, which knows the domain's file.
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
scsi_debug dev_size_mb=16
node=${debug_nodes[0]}
block=/dev/$(ls "/sys/class/scsi_generic/${node##*/}/device/block")
must mkswap "$block"
must swapon "$block"

guest_up ram:1M
for name in "$block" "$node"; do
    pvscsictl check "$name,1:0:0:0" >/tmp/check 2>&1 && fail "it may be given: $name"
    cat /tmp/check
    grep -q 'this host uses it: swap' /tmp/check || fail "the reason is not said"
done
pvscsictl attach g "$node,1:0:0:0" && fail "it was attached"
pvscsictl devices | tee /tmp/devices
grep -q "$node .*swap" /tmp/devices || fail "it is not shown as used"
pvscsictl devices --free | grep -q "$node " && fail "it is shown as free"

# Whoever makes the domain.
printf 'name = "h"\nvscsi = [ "%s,0:0:0:0" ]\n' "$node" >/tmp/h.cfg
printf 'name = "h"\ntype = "pv"\n' >/tmp/bare.cfg
must pvscsictl define /tmp/h.cfg
must pvscsictl create /tmp/bare.cfg
told() { pvscsictl list h | grep -q "this host uses it: swap"; }
wait_until 30 told || fail "the daemon took it: $(pvscsictl list h)"
must swapoff "$block"
must pvscsictl destroy h
must pvscsictl create /tmp/h.cfg
pvscsi-run h -- sg_inq "$(disk 0)" | grep -q scsi_debug || fail "it is not given when it is free"
must pvscsictl destroy h
guest_down
scsi_debug_unload

# What is open for somebody alone leaves no trace in sysfs: here a guest has a partition of it.
scsi_debug dev_size_mb=16 num_parts=2
node=${debug_nodes[0]}
disk=$(ls "/sys/class/scsi_generic/${node##*/}/device/block")
guest_up "/dev/${disk}1"
for name in "$node" "/dev/$disk"; do
    pvscsictl check "$name,1:0:0:0" >/tmp/check 2>&1 && fail "it may be given: $name"
    cat /tmp/check
    grep -q "this host uses it: $disk is open for somebody alone" /tmp/check || fail "the reason is not said"
done
# The daemon sees it as well, in a domain of which nobody has asked.
unasked() { # NAME ENTRY
    printf 'name = "%s"\nvscsi = [ "%s,0:0:0:0" ]\n' "$1" "$2" >"/tmp/$1.cfg"
    printf 'name = "%s"\ntype = "pv"\n' "$1" >/tmp/bare.cfg
    must pvscsictl define "/tmp/$1.cfg"
    must pvscsictl create /tmp/bare.cfg
}
end() {
    must pvscsictl destroy "$1"
    must pvscsictl undefine "$1"
}
refused_with() { pvscsictl list h | grep -qE "$1"; }
is_given() { pvscsictl list "$1" | grep -qE ' (waiting|connected) '; }
for name in "$node" "/dev/$disk" "file:/dev/$disk"; do
    unasked h "$name"
    wait_until 30 refused_with 'open for somebody alone|in use by another' || fail "the daemon took $name: $(pvscsictl list h)"
    end h
done
# Another partition is another disk.
must pvscsictl check "/dev/${disk}2,1:0:0:0"
unasked h "/dev/${disk}2"
wait_until 30 is_given h || fail "the other partition is not given: $(pvscsictl list h)"
pvscsictl devices | tee /tmp/devices
grep -q "$node .*guest g .*guest h" /tmp/devices || fail "it is not shown who has parts of it"
pvscsictl devices --free | grep -q "$node " && fail "it is shown as free"
end h
must pvscsictl destroy g
wait_until 10 pvscsictl check "$node,1:0:0:0" || fail "it is still taken for used"

# In the other order: a guest has the whole by its sg node, which claims nothing.
unasked g "$node"
wait_until 30 is_given g || fail "the disk is not given: $(pvscsictl list g)"
for name in "/dev/${disk}1" "file:/dev/$disk" "file:/dev/${disk}2" "file:/dev/${disk}1,0:0:0:0,ro"; do
    case $name in *,*) entry=$name ;; *) entry=$name,0:0:0:0 ;; esac
    printf 'name = "x"\ntype = "pv"\nvscsi = [ "%s" ]\n' "$entry" >/tmp/x.cfg
    pvscsictl create /tmp/x.cfg >/tmp/refused 2>&1 && fail "$entry was given to a second guest"
    grep -q "uses it as 0:0:0:0" /tmp/refused || fail "the reason is not said: $(cat /tmp/refused)"
done
for name in "/dev/${disk}1" "file:/dev/$disk" "file:/dev/${disk}2"; do
    unasked h "$name"
    wait_until 30 refused_with 'in use by another' || fail "the daemon took $name: $(pvscsictl list h)"
    end h
done
end g

# Readers don't disturb each other; a writer disturbs them, and those that share with somebody else.
pair() { # FIRST SECOND: entries without an address
    local guest
    printf 'name = "g"\nvscsi = [ "%s" ]\n' "${1/,/,0:0:0:0,}" >/tmp/g.cfg
    printf 'name = "h"\nvscsi = [ "%s" ]\n' "${2/,/,0:0:0:0,}" >/tmp/h.cfg
    for guest in g h; do
        must pvscsictl define "/tmp/$guest.cfg"
        printf 'name = "%s"\ntype = "pv"\n' $guest >/tmp/bare.cfg
        must pvscsictl create /tmp/bare.cfg
        [ $guest = h ] || wait_until 30 is_given g || fail "$1 is not given: $(pvscsictl list g)"
    done
}
end_pair() {
    end g
    end h
}
pair "$node,ro" "/dev/${disk}1,ro"
wait_until 30 is_given h || fail "two readers: $(pvscsictl list h)"
end_pair
pair "$node,exclusive=no" "/dev/${disk}1,exclusive=no"
wait_until 30 is_given h || fail "two that share: $(pvscsictl list h)"
end_pair
pair "$node,ro" "/dev/${disk}1,exclusive=no"
wait_until 30 refused_with 'in use by another' || fail "a reader and a writer: $(pvscsictl list h)"
end_pair
pair "/dev/${disk}1,ro" "$node,exclusive=no"
wait_until 30 refused_with 'in use by another' || fail "a reader and a writer: $(pvscsictl list h)"
end_pair
must bed_stop
trap - EXIT
scsi_debug_unload
