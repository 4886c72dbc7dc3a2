# limit: 200
# After connect, hot add, hot remove, a killed daemon, a killed guest and destroy nothing is left:
# no node in the store, no descriptor, no mapping.
disk disk.img 4M
host
nodes() { xenstore-ls -f | sed 's/ = .*//'; }
memory() { grep -c 'memfd\|pvscsi' "/proc/$BED_DAEMON/maps" || true; }
one_life() {
    guest demo "file:$DISK,0:0:0:0" "ram:4M,1:0:0:0"
    background pvscsi-run demo -- bash -euc 'echo >ready; read -r _ <go
        sg_dd if=/dev/zero of="$1" bs=512 count=128 >/dev/null 2>&1; echo >ready
        sleep 1000' _ "$(node 0)"
    read -r _ <ready
    bed_ctl attach demo "ram:1M,0:0:0:1"
    bed_ctl detach demo 0:0:0:1
    echo >go
    read -r _ <ready
    [ -z "${1:-}" ] || kill -KILL "$PID"
    bed_ctl destroy demo
    kill -KILL -- "-$PID" 2>/dev/null || true
    wait "$PID" || true
}
mkfifo ready go
one_life
before_nodes=$(nodes)
same_nodes() { [ "$(nodes)" = "$before_nodes" ]; }
sleep 0.5
daemon_before=$(descriptors "$BED_DAEMON")
host_before=$(descriptors "$BED_HOSTD")
maps_before=$(memory)
for _ in 1 2 3; do
    one_life
    one_life killed
done
[ "$(bed_ctl list --json)" = "[]" ] || fail "LUNs are left: $(bed_ctl list --json)"
until_true 10 same_nodes || fail "nodes are left: $(diff <(echo "$before_nodes") <(nodes))"
! nodes | grep -q vscsi/ || fail "nodes of vhosts are left: $(nodes | grep vscsi/)"
settled() {
    [ "$(descriptors "$BED_DAEMON")" -le "$daemon_before" ] &&
        [ "$(descriptors "$BED_HOSTD")" -le "$host_before" ] &&
        [ "$(memory)" -le "$maps_before" ]
}
until_true 10 settled || fail "descriptors and mappings: daemon $daemon_before to \
$(descriptors "$BED_DAEMON"), host $host_before to $(descriptors "$BED_HOSTD"), \
mappings $maps_before to $(memory)"
