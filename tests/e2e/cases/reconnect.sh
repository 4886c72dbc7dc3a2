# A guest connects, closes and connects again, 20 times, and the daemon keeps nothing of it.
disk disk.img 4M
host
guest demo "file:$DISK,0:0:0:0"
n=$(node 0)
says '' as demo sg_turs "$n"
sleep 0.2
before=$(descriptors "$BED_DAEMON")
for round in $(seq 20); do
    as demo sg_turs "$n" || as demo sg_turs "$n" || fail "round $round"
done
closed() { store_is "/local/domain/$(domid demo)/device/vscsi/0/state" 6; }
until_true 5 closed || fail "the frontend has not closed"
settled() { [ "$(descriptors "$BED_DAEMON")" -le "$before" ]; }
until_true 5 settled || fail "descriptors: $before before, $(descriptors "$BED_DAEMON") after"
