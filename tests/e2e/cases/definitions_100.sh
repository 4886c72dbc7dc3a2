# limit: 180
# 100 domains that are known before they run, half by a pattern and half by define: the daemon starts with them
# in under half a second of CPU, costs nothing while nothing happens, and gives each its LUNs in as much.
mkdir xen elsewhere
BED_DIR=$E2E_DIR/bed
mkdir "$BED_DIR"
printf '[domains]\nfiles = [ "%s/xen/*.cfg" ]\n' "$E2E_DIR" >"$BED_DIR/pvscsid.toml"
disk disk.img 4M
for i in $(seq 100); do
    config "guest$i" "file:$E2E_DIR/disk.img,0:0:0:0,ro" "ram:1M,0:0:0:1" "null:1G,1:0:0:$i,name=data"
    mv "guest$i.cfg" "$([ "$i" -gt 50 ] && echo elsewhere || echo xen)/"
done
now() { echo $(($(date +%s%N) / 1000000)); }
# Of a process and what it has waited for: milliseconds of CPU, of which others' load makes no more.
cpu() { # PID FIRST LAST: fields of stat, 14 to 17
    awk -v a="$2" -v b="$3" -v tick="$(getconf CLK_TCK)" \
        '{ for (i = a; i <= b; ++i) sum += $i; print sum * 1000 / tick }' "/proc/$1/stat"
}
daemon_cpu() { cpu "$BED_DAEMON" 14 15; }
took() { # WHAT CPU MOST: since `begin`
    echo "measured: $1: $2 ms of CPU, of $3 at most; $(($(now) - begin)) ms"
    [ "$2" -le "$3" ] || fail "$1 took $2 ms of CPU, more than $3"
}
costs() { # WHAT MOST COMMAND...: of the command
    local before what=$1 most=$2
    shift 2
    begin=$(now) before=$(cpu $$ 16 17)
    "$@" >/dev/null
    took "$what" $(($(cpu $$ 16 17) - before)) "$most"
}
idle() { # WHEN
    local before
    begin=$(now) before=$(daemon_cpu)
    sleep 5
    took "idle, $1" $(($(daemon_cpu) - before)) 50
}
has() { [ "$(bed_ctl list "$1" --json | grep -c '"state": "waiting"')" = "$2" ]; }
start() { # NAME: as xl does, without vscsi=
    config "bare-$1"
    sed -i "s/name = .*/name = \"$1\"/" "bare-$1.cfg"
    bed_ctl create "bare-$1.cfg" 2>/dev/null
}
comes() { # NAME
    local before
    begin=$(now) before=$(daemon_cpu)
    start "$1"
    until_true 10 has "$1" 3 || fail "$1 has no LUNs: $(bed_ctl list "$1")"
    took "the LUNs of $1" $(($(daemon_cpu) - before)) 500
}
define_all() { for i in $(seq 51 100); do bed_ctl define "elsewhere/guest$i.cfg"; done; }

host
costs "define, 50 times" 10000 define_all
bed_daemon_stop
begin=$(now)
bed_daemon_start
took "start with 100 definitions" "$(daemon_cpu)" 500
idle "nobody runs"
for guest in guest1 guest50 guest51 guest100; do comes "$guest"; done
idle "four run"
costs list 1000 bed_ctl list
costs "check of a file" 1000 bed_ctl check elsewhere/guest99.cfg

# All files are others now, with one that is wrong and a link that leads nowhere: said, and the rest goes on.
for file in xen/*.cfg elsewhere/*.cfg; do sed -i 's/ram:1M/ram:2M/' "$file"; done
sed -i 's/0:0:0:1/0:0:0/' xen/guest7.cfg
rm elsewhere/guest60.cfg
before=$(daemon_cpu)
bed_ctl reload
start guest7
comes guest2
took "100 files that have changed" $(($(daemon_cpu) - before)) 1000
says 'ram:2M' bed_ctl list guest2
has guest7 0 || fail "given with a mistake: $(bed_ctl list guest7)"
grep -q "xen/guest7.cfg: vscsi: entry 2" "$BED_DIR/pvscsid.log" || fail "the mistake is not in the log"
[ "$(grep -c "guest60.*No such file" "$BED_DIR/pvscsid.log")" = 1 ] || fail "the link is not in the log once"
idle "a wrong file and a wrong link"
