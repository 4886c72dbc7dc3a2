# limit: 120
# A guest whose domain was asked to suspend, as xl save does, and that comes back as a domain with the same
# UUID: it finds the units that it had, and is refused others under their names, until pvscsictl accept.
disk a.img 4M
disk b.img 4M
host
record=$BED_DIR/units/suspended.d/demo
uuid=6f0a4fe2-0d3c-4c41-9d0a-c5e5a5b05b4d
# The domain is made, by any toolstack; it begins or its memory is read.
made() { # [UUID]
    config demo "file:$E2E_DIR/a.img,0:0:0:0,name=first" "file:$E2E_DIR/b.img,0:0:0:1" ram:1M,1:0:0:0
    sed -i "s/^type/uuid = \"${1:-$uuid}\"\ntype/" demo.cfg
    bed_ctl create --no-wait demo.cfg || fail "not created"
}
state_is() { [ "$(rows demo state | grep "^$1 ")" = "$1 $2" ]; } # VDEV STATE
becomes() { # VDEV STATE WHEN
    until_true 10 state_is "$1" "$2" || fail "$3: $1 is not $2: $(bed_ctl list demo)"
}
error_is() { rows demo error | grep "^$1 .*$2" >/dev/null; } # VDEV TEXT
refused_as() { # VDEV TEXT WHEN
    until_true 10 error_is "$1" "$2" || fail "$3: $1 is not refused: $(bed_ctl list demo)"
    error_is "$1" "pvscsictl accept demo $1" || fail "$3: it is not said what to do"
}
# Its guest is connected by both vhosts.
runs() {
    rm -f up
    background pvscsi-run demo -- sh -c "touch $E2E_DIR/up; exec sleep 1000"
    guest=$PID
    until_true 10 test -e up || fail "the guest does not run"
    becomes 0:0:0:1 connected "when it runs"
}
asked_to() { xenstore-write "/local/domain/$(domid demo)/control/shutdown" "$1"; }
ends() {
    bed_ctl destroy demo
    kill -KILL -- "-$guest" 2>/dev/null || true
    wait "$guest" || true
}
saved() {
    asked_to suspend
    until_true 10 grep -q 0:0:0:1 "$record" || fail "nothing is remembered"
    asked_to ''
    ends
}
replaced() { # FILE: with as many bytes that are others
    cp "$1" new
    mv new "$1"
}

made
becomes 0:0:0:1 waiting "at first"
runs
saved
made
becomes 0:0:0:0 waiting "the same"
becomes 0:0:0:1 waiting "the same"
refused_as 1:0:0:0 'is an empty memory, and the LUN was a memory' "what ended with the domain"
runs
grep -q 0:0:0:0 "$record" && fail "remembered of one that has come back: $(cat "$record")"
says 'right' bed_ctl accept demo 1:0:0:0
becomes 1:0:0:0 connected "accepted by who runs"

# Another file in its place, or another size; also after a restart of the daemon.
saved
replaced a.img
truncate -s 8M b.img
made
refused_as 0:0:0:0 'a.img is file .*and the LUN was file .*when the domain was suspended' "another file"
refused_as 0:0:0:1 "of $((8 << 20)) bytes.* of $((4 << 20)) bytes" "another size"
bed_daemon_stop
bed_daemon_start
ends
made
refused_as 0:0:0:0 'when the domain was suspended' "after a restart"
truncate -s 4M b.img
ends
made
becomes 0:0:0:1 waiting "the old size"
runs
state_is 0:0:0:0 failed || fail "another file is given: $(bed_ctl list demo)"
refused 'no address' bed_ctl accept demo 0:0
[ "$STATUS" = 2 ] || fail "a wrong address ends with $STATUS"
refused "domain 'demo' has no LUN here with name=data" bed_ctl accept demo data
[ "$STATUS" = 4 ] || fail "a name that nobody has ends with $STATUS"
refused 'expected domain' bed_ctl accept ''
says '^what 0:0:0:0 of domain .demo. leads to now is right' bed_ctl accept demo first
becomes 0:0:0:0 connected "accepted by who runs"
says PVSCSI as demo sg_inq "$(node 0)"
saved

# What can't be read may have been anything.
replaced a.img
echo broken >"$record"
made
until_true 10 error_is 0:0:0:0 "line 1 of $record is damaged.*pvscsictl accept" || fail "damaged: $(bed_ctl list demo)"
refused damaged bed_ctl accept demo first
bed_ctl accept "$(domid demo)"
becomes 0:0:0:0 waiting "what was damaged is accepted"

# No names without a running domain.
bed_ctl destroy demo
refused "no domain 'demo' has LUNs here, and nothing is remembered of one" bed_ctl accept demo 0:0:0:0
[ "$STATUS" = 4 ] || fail "a domain that nobody knows ends with $STATUS"
made
runs
saved
refused 'a domain that does not run has addresses only' bed_ctl accept demo first
bed_ctl accept demo 0:0:0:0
bed_ctl accept demo
refused 'nothing is remembered of one' bed_ctl accept demo
made

# A new domain of that name: whoever makes it means what its file says. What is remembered stays.
runs
saved
replaced a.img
made 00000000-0d3c-4c41-9d0a-c5e5a5b05b4d
becomes 0:0:0:0 waiting "another domain"
runs
ends
made
refused_as 0:0:0:0 'when the domain was suspended' "what was suspended before another domain"
bed_ctl detach demo 0:0:0:0
refused 'when the domain was suspended' bed_ctl attach demo "file:$E2E_DIR/a.img,0:0:0:0"
bed_ctl accept demo
bed_ctl attach demo "file:$E2E_DIR/a.img,0:0:0:0"
becomes 0:0:0:0 waiting "attached again"
becomes 1:0:0:0 waiting "accepted with all others"

# The guest answers before anybody looks; and one that shuts down lets go of its LUNs.
runs
asked_to poweroff
sleep 0.3
grep -q 0:0:0:1 "$record" 2>/dev/null && fail "poweroff is taken for a suspension"
asked_to ''
until_true 10 grep -q 0:0:0:1 "$record" || fail "what may have been a suspension is not remembered"
kill -TERM -- "-$guest"
wait "$guest" || true
until_true 10 test ! -e "$record" || fail "remembered of a guest that has let go: $(cat "$record")"
bed_ctl destroy demo
replaced a.img
made
becomes 0:0:0:0 waiting "after a shutdown"
