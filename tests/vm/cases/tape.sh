# shellcheck shell=bash
# Tapes, of which nothing may be lost by others' commands, by order, or by a daemon that dies. The
# kernel's simulated one has a tape's type and no tape: what counts here is what reaches it.
# seconds: 300
# shellcheck source=tests/vm/guest/lib.sh
. /job/lib.sh
scsi_debug dev_size_mb=8 ptype=1 num_tgts=1
native=${debug_nodes[0]}
name=${native##*/}
guest_up ram:1M
refused() { # COMMAND...: with the text that is in $because
    local status=0
    "$@" >/tmp/refused 2>&1 || status=$?
    cat /tmp/refused
    [ $status != 0 ] || fail "not refused: $*"
    grep -q "$because" /tmp/refused || fail "it does not say \"$because\""
}
holder=
hold() { # PROGRAM: that, and nobody whom it starts, has the tape open
    "$1" -c 'while :; do read -r -t 1 -u 8 _; done' 8<> <(:) 9<>"$native" &
    holder=$!
}
let_it_go() {
    kill $holder
    wait $holder 2>/dev/null
}
requests() { echo $(($(cat "/sys/class/scsi_generic/$name/device/iorequest_cnt"))); }

# A program of this host has it open.
hold bash
because="bash (pid $holder) has $name open"
refused pvscsictl check "$native,1:0:0:0"
refused pvscsictl attach g "$native,1:0:0:0"
pvscsictl devices | grep "$name" | grep -qF "$because" || { pvscsictl devices; fail "not in the list of devices"; }
must pvscsictl check "$native,1:0:0:0,exclusive=no"
let_it_go
must pvscsictl check "$native,1:0:0:0"

# One whom the daemon can see by its open file alone: what has its name is left out.
cp "$(command -v bash)" /tmp/pvscsid
hold /tmp/pvscsid
because='open for another guest or a program of this host'
refused pvscsictl attach g "$native,1:0:0:0"
let_it_go

must pvscsictl attach g "$native,1:0:0:0"
export node=/dev/pvscsi/1:0:0:0 native
as_guest bash -c "for _ in 1 2 3 4; do sg_turs $node && break; done" >/dev/null 2>&1

# One command at a time.
knob ndelay 300000000
cat >/tmp/session.sh <<'EOS'
for _ in 1 2 3 4 5; do sg_raw "$node" 00 00 00 00 00 00 >/dev/null 2>&1 & done
wait
EOS
as_guest bash /tmp/session.sh &
session=$!
most=0 seen=0
while kill -0 $session 2>/dev/null; do
    now=$(busy "$native")
    [ "$now" = 0 ] || seen=$((seen + 1))
    [ "$now" -le "$most" ] || most=$now
done
[ "$most" = 1 ] || fail "$most commands at the tape at a time"
echo "one command at a time ($seen looks)"
knob ndelay 0

# One that the kernel ends is not for the guest to repeat, and what it has done to the tape is told.
cat >/tmp/session.sh <<'EOS'
sg_raw -t 2 -r 512 "$node" 08 00 00 00 01 00 >/tmp/first 2>&1
sg_raw "$node" 00 00 00 00 00 00 >/tmp/second 2>&1
sg_raw "$node" 00 00 00 00 00 00 >/tmp/third 2>&1
EOS
told() { # FILE TEXT
    grep -q "$2" "/tmp/$1" || { cat "/tmp/$1"; fail "the guest is not told: $2"; }
}
nothing_told() { # FILE
    ! grep -q 'Attention' "/tmp/$1" || { cat "/tmp/$1"; fail "the guest is told twice"; }
}
knob every_nth -1
knob opts 4
as_guest bash /tmp/session.sh &
session=$!
wait_until 20 is_busy "$native" || fail "no command got to the tape"
knob every_nth 0
knob opts 0
wait $session
told first 'Hardware Error'
told second 'Power on, reset, or bus device reset occurred'
nothing_told third

# The daemon dies with a command at the tape, which takes longer than its successor needs.
rm /tmp/first
before=$(requests)
knob delay 1250 # 5 s
sed -i 's/ -t 2 / -t 60 /' /tmp/session.sh
as_guest bash /tmp/session.sh &
session=$!
wait_until 20 is_busy "$native" || fail "no command got to the tape"
bed_daemon_kill
hold bash # and somebody comes in
must bed_daemon_start --log-level info
wait_until 20 test -s /tmp/first || fail "no answer to what the dead daemon had begun"
is_busy "$native" || fail "the dead daemon's command was not waited for, but ended"
wait $session
told first 'Hardware Error'
told second 'Device internal reset'
nothing_told third
pvscsictl trace g 1:0:0:0 | tail -n 4
# The dead daemon's, the last one, and an ALLOW MEDIUM REMOVAL: the guest has gone, and may have locked it.
knob delay 0
sent=$(($(requests) - before))
[ $sent = 3 ] || fail "$sent commands were sent to the tape, not 3"
pvscsictl list g | grep -qF "opened it meanwhile: bash (pid $holder) has $name open" ||
    { pvscsictl list g; fail "who came in is not named"; }
let_it_go

# A lock ends with the guest's connection, and an administrator hears of it before.
cat >/tmp/session.sh <<'EOS'
sg_raw "$node" 1e 00 00 00 01 00 >/dev/null 2>&1 || exit 1
while [ ! -e /tmp/go ]; do sleep 0.2; done
EOS
as_guest bash /tmp/session.sh &
session=$!
locked() { pvscsictl list g | grep -q 'the guest has locked its medium'; }
wait_until 30 locked || { pvscsictl list g; fail "the lock is not shown"; }
before=$(requests)
: >/tmp/go
wait $session || fail "the guest could not lock"
let_go() { [ "$(requests)" = $((before + 1)) ]; }
wait_until 20 let_go || fail "$(($(requests) - before)) commands when the guest had gone, not an ALLOW"
rm /tmp/go
as_guest bash /tmp/session.sh &
session=$!
wait_until 30 locked || fail "the second lock is not shown"
must pvscsictl detach --timeout 20 g 1:0:0:0 2>/tmp/said
grep -q 'the guest has locked its medium' /tmp/said || { cat /tmp/said; fail "detach says nothing of the lock"; }
: >/tmp/go
wait $session
guest_down
scsi_debug_unload
