# Many LUNs attached in one go to a guest that runs: one reconfiguration, and those that can't be had
# do not keep the others away.
disk a.img 4M
a=$DISK
host
guest demo "file:$a,0:0:0:0"
mkfifo go
entries=()
for i in $(seq 1 64); do entries+=("ram:1M,0:0:1:$i"); done
background pvscsi-run demo -- cat go
says '' bed_ctl wait demo
says 'ram:1M as 0:0:1:64 attached to domain 1 .demo.' bed_ctl attach demo "${entries[@]}"
[ "$(wc -l <<<"$OUTPUT")" = 64 ] || fail "not a line each: $OUTPUT"
[ "$(rows demo state | grep -c connected)" = 65 ] || fail "it has $(rows demo state)"

# Over vhosts, and one of them cut away below the toolstack: its file is no file any more.
disk b.img 4M
status_of bed_ctl attach demo "file:$DISK,0:0:2:0" "ram:0,0:0:2:1" "ram:1M,1:0:0:0"
[ "$STATUS" != 0 ] && grep -q "entry 2: 'ram:0'" <<<"$OUTPUT" && grep -q 'nothing was changed' <<<"$OUTPUT" ||
    fail "a mistake ended with $STATUS: $OUTPUT"
[ "$(rows demo state | wc -l)" = 65 ] || fail "something was changed: $(rows demo state)"
says 'ram:1M as 1:0:0:0 attached' bed_ctl attach demo "file:$DISK,0:0:2:0" "ram:1M,1:0:0:0"
echo >go
