# limit: 180
# pvscsictl check --store is right about every state that a vhost can rest in: of guests, of dom0 and a driver
# domain that serve, of what is under way, has failed, or has lost its daemon, guest or driver domain.
export PVSCSI_SCHEMAS=$E2E_PROJECT/xenstore-schemas
disk a.img 4M
disk b.img 4M
host
right() { # WHEN [DOMAIN]
    local domain=${2:-demo}
    status_of bed_ctl check --store "$domain"
    [ "$STATUS" = 0 ] || fail "$1: something is wrong with $domain"
}
wrong() { # WHEN DOMAIN TEXT
    status_of bed_ctl check --store "$2"
    [ "$STATUS" = 1 ] || fail "$1: nothing is wrong with $2"
    grep -qF -- "$3" <<<"$OUTPUT" || fail "$1: it is not said: $3"
}
states() { # STATE NUMBER: so many LUNs of demo have that state
    [ "$(rows demo state | grep -c " $1\$")" = "$2" ]
}
runs() {
    background pvscsi-run demo -- sleep 1000
    guest=$PID
    until_true 10 states connected "$1" || fail "not connected: $(bed_ctl list)"
}
hold() { # SIGNAL: the guest does not answer, or does again
    pgrep -g "$guest" | xargs kill -s "$1"
}

right "nobody has anything" 0
grep -q 'there is no vhost of domain 0, and none that it serves' <<<"$OUTPUT" || fail "not said"
guest demo "file:$E2E_DIR/a.img,0:0:0:0,name=first,queue-depth=4" "file:$E2E_DIR/b.img,0:0:1:0,exclusive=no" \
    'ram:1M,1:0:0:0,ro' 'null:1G,2:0:0:0'
right offered
right offered 0
runs 4
right connected
right "who serves" 0
lun=$(xenstore-ls -f /local/domain/0/backend/vscsi | sed -n 's,/mode = .*,,p' | head -n 1)
xenstore-write "$lun/mode" x
wrong "a wrong value" demo "$lun/mode: 'x': expected one of ['w', 'r']"
wrong "a wrong value" 0 "$lun/mode: 'x'"
xenstore-write "$lun/mode" w

# A guest that does not answer: what is tried at it, and has been taken back.
hold STOP
refused 'was not attached' bed_ctl attach --timeout 0.3 demo ram:1M,0:0:2:0
right "not attached"
bed_ctl attach --no-wait demo ram:1M,0:0:2:0
right "an attach is under way"
xenstore-write "$lun/mode" x
wrong "a wrong value meanwhile" demo "$lun/mode: 'x'"
xenstore-write "$lun/mode" w
hold CONT
until_true 10 states connected 5 || fail "not taken up: $(bed_ctl list)"
right "attached"
hold STOP
refused 'still attached' bed_ctl detach --timeout 0.3 demo 0:0:2:0
bed_ctl detach --force --timeout 0.3 demo 0:0:2:0
right "detached by force"
hold CONT
until_true 10 states connected 4 || fail "something is left: $(bed_ctl list)"
right "a moment later"

# Daemon and guest die.
bed_daemon_kill
right "no daemon"
right "no daemon" 0
bed_daemon_start
right "another daemon"
bed_daemon_kill
kill -KILL -- "-$guest"
wait "$guest" || true
bed_daemon_start
right "a guest that died meanwhile"
bed_ctl destroy demo

# A LUN that can't be used, with a guest and without.
printf '[allow]\nfolders = [ "/nowhere" ]\n' >"$BED_DIR/pvscsid.toml"
bed_ctl reload
guest --start-anyway demo "file:$E2E_DIR/a.img,0:0:0:0" ram:1M,0:0:1:0
states failed 1 || fail "it is allowed"
right "failed"
runs 1
right "failed, of one that runs"
: >"$BED_DIR/pvscsid.toml"
bed_ctl reload
kill -KILL -- "-$guest"
wait "$guest" || true
bed_ctl destroy demo

# A driver domain, which ends and is there again.
driver_domain storage
right "without any" storage
driver_start
guest demo 'ram:1M,0:0:0:0,storage' ram:1M,1:0:0:0
until_true 10 states waiting 2 || fail "not served: $(bed_ctl list)"
right "two serve"
right "one of two serves" storage
runs 2
right "two serve, connected"
driver_stop
bed_ctl destroy storage
until_true 10 states failed 1 || fail "not lost: $(bed_ctl list)"
right "one has ended"
record=/local/domain/$(domid demo)/pvscsi/0
xenstore-write "$record/other" 1
right "what others write"
xenstore-rm "$record/backend"
wrong "what dom0 keeps is damaged" demo "$record/backend: missing"
xenstore-write "$record/backend" storage
driver_domain storage
driver_start
until_true 10 states failed 0 || fail "not given again: $(bed_ctl list)"
right "it is there again"
