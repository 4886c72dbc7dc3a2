# Bad configurations are refused with file, entry and reason, and nothing is changed.
disk disk.img 4M
host
before=$(xenstore-ls -f)
try() {
    config bad "$2"
    refused "$1" bed_ctl create bad.cfg
    grep -q 'bad.cfg' <<<"$OUTPUT" || fail "the file is not named"
}
try 'no such|missing|not exist|No such' "file:$E2E_DIR/none.img,0:0:0:0"
try '0:0:0' "file:$DISK,0:0:0"
try 'option' "file:$DISK,0:0:0:0,frobnicate"
try '' "tape:$DISK,0:0:0:0"
try '' "ram:0,0:0:0:0"
try '' "file:relative.img,0:0:0:0"
try '65536' "file:$DISK,0:0:0:65536"
[ "$(xenstore-ls -f)" = "$before" ] || fail "the store has changed"
