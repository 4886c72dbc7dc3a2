# A name that the kernel gives anew, here a loop device's behind a detour, leads to another image than
# when the guest was given it: refused, and so is a damaged record; what the messages say helps.
loop a.img 4M
a=$DISK
disk b.img 4M
host
entry="file:${LOOP%/*}/.//${LOOP##*/},0:0:0:0"
is_given() { rows demo error | grep -q '^0:0:0:0 $' && rows demo state | grep -q '^0:0:0:0 waiting'; }
error_is() { rows demo error | grep -qF -- "$1"; }
again() { # WHAT: a reboot of the guest
    bed_ctl destroy demo
    config demo "$entry"
    bed_ctl create --no-wait "$E2E_DIR/demo.cfg" || fail "$1: not created"
}
guest demo "$entry"
until_true 10 is_given || fail "not given: $(bed_ctl list)"
record=$BED_DIR/units/demo
grep -qF "loop $a" "$record" || fail "nothing is recorded: $(cat "$record")"
again "the same"
until_true 10 is_given || fail "the same one is refused: $(rows demo error)"

bed_ctl destroy demo
losetup --detach "$LOOP"
losetup "$LOOP" "$DISK"
config demo "$entry"
bed_ctl create --no-wait "$E2E_DIR/demo.cfg"
until_true 10 error_is "leads to the unit loop $DISK, and led to loop $a" || fail "another one is given: $(bed_ctl list demo)"
error_is "or say 'pvscsictl accept demo 0:0:0:0' if this one is right" || fail "what to do is not said: $(rows demo error)"
bed_daemon_stop
bed_daemon_start
again "after a restart"
until_true 10 error_is "and led to loop $a" || fail "given after a restart: $(bed_ctl list demo)"

echo broken >"$record"
again "damaged"
until_true 10 error_is "line 1 of $record is damaged" || fail "given with a damaged record: $(bed_ctl list demo)"
says 'is right' bed_ctl accept demo
again "begun anew"
until_true 10 is_given || fail "what the message says does not help: $(rows demo error)"
