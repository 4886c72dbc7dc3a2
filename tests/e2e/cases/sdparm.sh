# sdparm reads the mode pages and the identification.
disk disk.img 16M
host
guest demo "file:$DISK,0:0:0:0"
n=$(node 0)
# It asks for saved values too; 5 is its status for a device that has none.
setting() {
    status_of as demo sdparm --get=WCE "$n"
    [ "$STATUS" -eq 0 ] || [ "$STATUS" -eq 5 ] || fail "sdparm ended with $STATUS"
    grep -qE "^WCE +$1 " <<<"$OUTPUT" || fail "WCE is not $1"
}
setting 1
status_of as demo sdparm -a "$n"
grep -q 'Caching' <<<"$OUTPUT" || fail "no caching page"
says 'Device identification|[Ll]ogical unit' as demo sdparm -i "$n"
