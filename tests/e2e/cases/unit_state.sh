# limit: 120
# What an emulated unit was told outlives the daemon: a switched-off write cache, an open tray and a
# stopped disk; and ends with the connection's domain, of which no file is left.
disk a.img 4M
disk disc.iso 4M
host
guest demo "file:$E2E_DIR/a.img,0:0:0:0" "iso:$E2E_DIR/disc.iso,0:0:1:0" "null:4M,0:0:2:0"
mkfifo ready go
background pvscsi-run demo -- bash -uc 'echo >ready; while read -r line <go; do eval "$line" >>out 2>&1; echo "status $?" >>out; echo >ready; done'
read -r _ <ready
in_guest() { echo "$*" >go; read -r _ <ready; tail -n 1 out; }
cache() { in_guest "sdparm --get=WCE /dev/pvscsi/0:0:0:0" >/dev/null; tail -n 2 out | grep -o 'WCE *[01]'; }

[ "$(cache)" = "WCE           1" ] || fail "no write cache at first: $(cat out)"
[ "$(in_guest 'sdparm --clear=WCE /dev/pvscsi/0:0:0:0')" = "status 0" ] || fail "WCE: $(cat out)"
[ "$(in_guest 'sg_start --eject /dev/pvscsi/0:0:1:0')" = "status 0" ] || fail "eject: $(cat out)"
[ "$(in_guest 'sg_start --stop /dev/pvscsi/0:0:2:0')" = "status 0" ] || fail "stop: $(cat out)"
bed_daemon_kill
bed_daemon_start
until_true 20 grep -q 'taken over' "$BED_DIR/pvscsid.log" || fail "not taken over"
[ "$(cache)" = "WCE           0" ] || fail "the write cache is on again: $(cat out)"
[ "$(in_guest 'sg_turs /dev/pvscsi/0:0:1:0')" = "status 2" ] || fail "the tray is closed again: $(cat out)"
[ "$(in_guest 'sg_turs /dev/pvscsi/0:0:2:0')" = "status 2" ] || fail "the disk is started again: $(cat out)"
[ "$(in_guest 'sg_start --start /dev/pvscsi/0:0:2:0')" = "status 0" ] || fail "start: $(cat out)"

[ "$(in_guest 'sg_start --load /dev/pvscsi/0:0:1:0')" = "status 0" ] || fail "load: $(cat out)"
[ "$(in_guest 'sg_prevent --prevent=1 /dev/pvscsi/0:0:1:0')" = "status 0" ] || fail "lock: $(cat out)"
[ "$(in_guest 'sg_start --eject /dev/pvscsi/0:0:1:0')" != "status 0" ] || fail "ejected while locked"

kill -KILL -- "-$PID" 2>/dev/null
wait "$PID" 2>/dev/null || true
says '' pvscsi-run demo -- sg_start --eject /dev/pvscsi/0:0:1:0 # its guest was killed: nobody could unlock it
bed_ctl destroy demo
left=$(find "$BED_DIR" -name '1-0.*')
[ -z "$left" ] || fail "left behind: $left"
