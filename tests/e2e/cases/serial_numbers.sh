# An emulated unit's serial number is the same whenever a domain with the same uuid= is created, and
# another one for another domain, also if it has the same name.
disk a.img 4M
host
serial() { as demo sg_vpd --page=sn "$(node 0)" | sed -n 's/.*serial number: *//p'; }
with_uuid() {
    config demo "file:$DISK,0:0:0:0"
    [ -z "$1" ] || echo "uuid = \"$1\"" >>demo.cfg
    bed_ctl create demo.cfg
    [ -z "$1" ] || [ "$(xenstore-read "/vm/$1/name")" = demo ] || fail "no /vm node of $1"
    SERIAL=$(serial)
    [ -n "$SERIAL" ] || fail "no serial number"
    bed_ctl destroy demo
}
with_uuid 4a2b91d4-9bf9-4a26-8d3c-0f9c0bb1f8ae
first=$SERIAL
with_uuid 4a2b91d4-9bf9-4a26-8d3c-0f9c0bb1f8ae
[ "$SERIAL" = "$first" ] || fail "$first became $SERIAL"
with_uuid 4a2b91d4-9bf9-4a26-8d3c-0f9c0bb1f8af
[ "$SERIAL" != "$first" ] || fail "two domains have $SERIAL"
with_uuid ''
random=$SERIAL
with_uuid ''
[ "$SERIAL" != "$random" ] || fail "two domains have $SERIAL"
