# What happens to a backing that nobody reads or writes is found as well: it was cut short, it was
# deleted. A deleted file serves on, with a warning in the list.
disk cut.img 4M
cut=$DISK
disk deleted.img 4M
host
guest demo "file:$cut,0:0:0:0" "file:$DISK,0:0:0:1"
truncate -s 1M "$cut"
rm "$DISK"
has() { grep -q "$1" <(rows demo "$2"); }
until_true 20 has "^0:0:0:0 $cut was cut short from 4194304 bytes to 1048576" error ||
    fail "reasons: $(rows demo error)"
until_true 20 has "^0:0:0:1 $DISK was deleted" warning || fail "warnings: $(rows demo warning)"
has '^0:0:0:0 failed' state || fail "states: $(rows demo state)"
has '^0:0:0:1 failed' state && fail "states: $(rows demo state)"
says 'was deleted' bed_ctl list
# What was to be known of it as it worked is not said any more when it can't be opened again.
bed_daemon_kill
bed_daemon_start
until_true 20 has '^0:0:0:1 failed' state || fail "states: $(rows demo state)"
! has 'was deleted' warning || fail "still warned: $(rows demo warning)"
