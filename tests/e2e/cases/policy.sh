# policy=: what it refuses the unit does not see, with the sense of the matter, counted and logged; with
# audit: it passes; a host's own policies come from pvscsid.toml, again after a reload.
disk a.img 16M
first=$DISK
disk b.img 16M
BED_DIR=$E2E_DIR/bed
mkdir "$BED_DIR"
toml=$BED_DIR/pvscsid.toml
printf '%s\n' '[policy.quiet]' 'base = "disk"' 'refuse = [ "42", "9e/10" ]' \
    '[policy.trial]' 'base = "disk"' 'refuse = [ "data" ]' 'audit = true' >"$toml"
host
guest demo "file:$first,0:0:0:0,policy=disk" "file:$DISK,0:0:0:1,policy=audit:disk" \
    "ram:4M,0:0:0:2,policy=quiet" "ram:4M,0:0:0:3,policy=trial"
# What the daemon would refuse is refused before; a running domain's own LUNs are no mistake of its file.
refused "'policy=nonesuch': .*; expected" bed_ctl check ram:1M,0:0:0:9,policy=nonesuch
says '^4 entries are right' bed_ctl check demo.cfg
refused 'domain [0-9]+ uses it as 0:0:0:0' bed_ctl check "file:$first,0:0:0:9"
says 'records out' as demo sg_dd if=/dev/zero of="$(node 0)" bs=512 count=64

# An operation code, a service action, a field.
refused 'Invalid command operation code' as demo sg_raw "$(node 0)" 16 00 00 00 00 00
refused 'Invalid command operation code' as demo sg_raw "$(node 0)" c1 00 00 00 00 00 00 00 00 00
refused 'Invalid field in cdb' as demo sg_raw -s 8 -i /dev/zero "$(node 0)" a4 0a 00 00 00 00 00 00 00 08 00 00
refused 'Invalid field in cdb' as demo sg_raw -s 512 -i /dev/zero "$(node 0)" 3b 05 00 00 00 00 00 02 00 00
# A page of the port in a list, and one of the unit.
page() { # CODE
    printf '\0\0\0\0%b\06\0\0\0\0\0\0' "$1" >list
    as demo sg_raw -s 12 -i list "$(node 0)" 15 10 00 00 0c 00
}
refused 'Invalid field in parameter list' page '\031'
# A length that is not the list's.
refused 'Invalid field in cdb' as demo sg_raw -s 4 -i /dev/zero "$(node 0)" 42 00 00 00 00 00 00 00 18 00

# With audit the disk itself answers: RESERVE(6) is done, the vendor's command it does not know.
says '' as demo sg_raw "$(node 1)" 16 00 00 00 00 00
refused 'Invalid command operation code' as demo sg_raw "$(node 1)" c1 00 00 00 00 00 00 00 00 00

# Policies of the host.
refused 'Invalid command operation code|not supported' as demo sg_unmap --force --lba=0 --num=8 "$(node 2)"
refused 'Invalid field in cdb' as demo sg_raw -r 32 "$(node 2)" 9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00
says 'records out' as demo sg_dd if="$(node 3)" of=/dev/null bs=512 bpt=8 count=80

count_of() { # LUN KEY
    bed_ctl stats demo --json | python3 -c '
import json, sys
print(*[l[sys.argv[2]] for l in json.load(sys.stdin)["luns"] if l["vdev"] == "0:0:0:" + sys.argv[1]])' "$@"
}
[ "$(count_of 0 policy_refused)" = 6 ] || fail "LUN 0: $(count_of 0 policy_refused) refused"
[ "$(count_of 0 policy_noted)" = 0 ] || fail "LUN 0: $(count_of 0 policy_noted) noted"
[ "$(count_of 1 policy_noted)" = 2 ] || fail "LUN 1: $(count_of 1 policy_noted) noted"
[ "$(count_of 3 policy_noted)" = 10 ] || fail "LUN 3: $(count_of 3 policy_noted) noted"
[ "$(count_of 3 policy_refused)" = 0 ] || fail "LUN 3: $(count_of 3 policy_refused) refused"
says 'refused by its policy' bed_ctl show demo 0:0:0:0
says 'policy +audit:disk' bed_ctl show demo 0:0:0:1

log=$BED_DIR/pvscsid.log
logged() { grep -aqF -- "$1" "$log"; }
for line in 'policy=disk refuses opcode=a4 action=0a (SET TARGET PORT GROUPS) class=ports times=1' \
    'policy=disk refuses the parameter list of opcode=15' \
    'policy=disk refuses opcode=42 action=00 (UNMAP) length or direction' \
    'policy=disk would refuse opcode=16 action=00 (RESERVE(6)) class=reserve times=1'; do
    until_true 30 logged "$line" || fail "the log does not say '$line'"
done

# A policy that there is not, and one for another type of device.
refused "there is no policy 'nobody' on this host; expected one of default, .*quiet, trial" \
    bed_ctl attach demo ram:1M,0:0:0:4,policy=nobody
refused "policy 'tape' is for devices of another type" bed_ctl attach demo ram:1M,0:0:0:5,policy=tape
printf '%s\n' '[policy.nobody]' 'base = "all"' >"$toml"
says '' bed_ctl reload
says 'attached' bed_ctl attach demo ram:1M,0:0:0:6,policy=nobody
says 'PVSCSI' as demo sg_inq "$(node 0)"
