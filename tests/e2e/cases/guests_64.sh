# limit: 400
# 64 guests at once, each with a disk of its own under the same address: all write and read at the
# same time, and nobody sees another one's data.
host
for i in $(seq 64); do
    disk "disk$i.img" 2M
    guest "guest$i" "file:$DISK,0:0:0:0"
done
for i in $(seq 64); do
    yes "guest $i" | head -c 1M >"data$i" || true
done
pids=()
for i in $(seq 64); do
    background pvscsi-run --timeout 120 "guest$i" -- bash -euc "
        sg_dd if=data$i of=$(node 0) bs=512 >/dev/null 2>&1
        sg_dd if=$(node 0) bs=512 count=2048 of=back$i >/dev/null 2>&1
        cmp data$i back$i"
    pids+=("$PID")
done
for i in $(seq 64); do
    wait "${pids[$((i - 1))]}" || fail "guest $i"
    cmp -n 1048576 "data$i" "disk$i.img" || fail "the disk of guest $i"
done
for i in $(seq 64); do bed_ctl destroy "guest$i"; done
[ "$(bed_ctl list --json)" = "[]" ] || fail "something is left: $(bed_ctl list --json)"
