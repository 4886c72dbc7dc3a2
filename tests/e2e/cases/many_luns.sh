# limit: 200
# 64 LUNs on a vhost, the highest target and LUN that Linux' frontend takes, and REPORT LUNS.
host
entries=()
for i in $(seq 0 60); do entries+=("ram:1M,0:0:0:$i"); done
entries+=("ram:1M,0:0:0:254" "ram:1M,0:0:63:0" "ram:1M,0:0:63:254")
guest demo "${entries[@]}"
[ "$(pvscsi-run demo --list | wc -l)" -eq 64 ] || fail "not all 64 are there"
as demo bash -euc '
    i=0
    for node in $PVSCSI_DEVICES; do
        sg_turs "$node" 2>/dev/null || sg_turs "$node"
        (yes "$node" || true) | head -c 512 >"data$i"
        sg_dd if="data$i" of="$node" bs=512 count=1 >/dev/null 2>&1
        i=$((i + 1))
    done
    i=0
    for node in $PVSCSI_DEVICES; do
        sg_dd if="$node" of="back$i" bs=512 count=1 >/dev/null 2>&1
        cmp "data$i" "back$i"
        i=$((i + 1))
    done'
says '' as demo sg_luns "$(node 0)"
[ "$(grep -cE '^ +[0-9a-f]{16}$' <<<"$OUTPUT")" -eq 62 ] || fail "REPORT LUNS: $OUTPUT"
says 'DISK' as demo sg_inq /dev/pvscsi/0:0:63:254
