# pvscsictl define: a domain of any xl file gets its LUNs whenever it starts, until undefine; also
# after the daemon was restarted, and with what the file says by then.
host
has() { [ "$(bed_ctl list "$1" --json | grep -c '"vdev"')" = "$2" ]; }
start() { # NAME: as xl does, without vscsi=
    config "bare-$1"
    sed -i "s/name = .*/name = \"$1\"/" "bare-$1.cfg"
    bed_ctl create "bare-$1.cfg" 2>/dev/null
}
mkdir files
config demo 'ram:1M,0:0:0:0'
mv demo.cfg files/any.xl

# What is wrong is not defined.
refused 'nothing was changed' bed_ctl define files/none.xl
config bad 'ram:1M,0:0:0'
refused 'bad.cfg: vscsi: entry 1: .0:0:0.: VDEV has 3 of 4 numbers' bed_ctl define bad.cfg
config later 'ram:1M,0:0:0:0,policy=safe'
refused 'a policy of commands is not served' bed_ctl define later.cfg
config empty
refused 'there is no vscsi= entry' bed_ctl define empty.cfg
refused "domain 'demo' was not defined" bed_ctl undefine demo
refused 'was not defined' bed_ctl undefine ../bed/x
[ ! -e "$BED_DIR/domains.d" ] || fail "something was defined"

says "domain 'demo' gets the LUNs of $E2E_DIR/files/any.xl" bed_ctl define files/any.xl
says "domain 'demo' gets" bed_ctl define files/any.xl
[ "$(find "$BED_DIR/domains.d" -mindepth 1 | wc -l)" = 1 ] || fail "more than one link"
start demo
until_true 10 has demo 1 || fail "not given: $(bed_ctl list)"
bed_ctl destroy demo

# The file has changed since; the daemon is another one.
config demo 'ram:1M,0:0:0:0' 'ram:1M,0:0:0:1'
mv demo.cfg files/any.xl
bed_daemon_stop
bed_daemon_start
start demo
until_true 10 has demo 2 || fail "not given after a restart: $(bed_ctl list)"
says 'not given LUNs by itself any more' bed_ctl undefine demo
has demo 2 || fail "taken away from a running domain"
bed_ctl destroy demo
start demo
sleep 0.5
has demo 0 || fail "given after undefine"
