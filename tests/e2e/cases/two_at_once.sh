# limit: 120
# Two pvscsictl at once: each ends with a status that is true, and what is there is what one of them, or
# one after the other, would have made. One that waits for a guest holds up no other domain.
BED_DIR=$E2E_DIR/bed
mkdir xen bed
printf '[domains]\nfiles = [ "%s/xen/*.cfg" ]\n' "$E2E_DIR" >bed/pvscsid.toml
disk shared.img 4M
shared=$DISK
config demo ram:1M,0:0:0:0
mv demo.cfg xen/
config one "file:$shared,0:0:0:0"
config two "file:$shared,0:0:0:0"
host
bed_ctl create xen/demo.cfg >/dev/null
mkfifo ready go
background pvscsi-run demo -- bash -c 'echo >ready; read -r _ <go'
GUEST=$PID
read -r _ <ready
luns() { rows demo pdev | sort | xargs; }
kept() { grep -v "^#" bed/domains.d/demo.changes 2>/dev/null | xargs; }
# both A... -- B...: at once; their statuses in FIRST and SECOND
both() {
    local first=() pid
    while [ "$1" != -- ]; do first+=("$1"); shift; done
    shift
    FIRST=0 SECOND=0
    bed_ctl "${first[@]}" >said1 2>&1 &
    pid=$!
    bed_ctl "$@" >said2 2>&1 || SECOND=$?
    wait "$pid" || FIRST=$?
}
tell() { echo "$FIRST: $(cat said1); $SECOND: $(cat said2); it has $(luns), kept $(kept)"; }
for round in 1 2 3 4 5; do
    # The same address twice: one of them has it, and is kept.
    both attach --persist demo ram:2M,0:0:5:0 -- attach --persist demo ram:3M,0:0:5:0
    case $FIRST$SECOND in
    01) won=ram:2M lost=said2 ;;
    10) won=ram:3M lost=said1 ;;
    *) fail "round $round: two attach: $(tell)" ;;
    esac
    grep -q '0:0:5:0 is taken by' $lost || fail "round $round: $(tell)"
    [ "$(luns)" = "0:0:0:0 ram:1M 0:0:5:0 $won" ] && [ "$(kept)" = "+ $won,0:0:5:0" ] ||
        fail "round $round: two attach: $(tell)"
    # One takes it away, one gives it: in either order.
    both detach --persist demo 0:0:5:0 -- attach --persist demo ram:4M,0:0:5:0
    case $FIRST$SECOND in
    00) expected='0:0:0:0 ram:1M 0:0:5:0 ram:4M; + ram:4M,0:0:5:0' ;;
    01) expected='0:0:0:0 ram:1M; ' ;;
    *) fail "round $round: detach and attach: $(tell)" ;;
    esac
    [ "$(luns); $(kept)" = "$expected" ] || fail "round $round: detach and attach: $(tell)"
    [ "$SECOND" != 0 ] || bed_ctl detach --persist demo 0:0:5:0 >/dev/null

    # One image in two domains: one of them runs with it, the other one does not run.
    both create one.cfg -- create two.cfg
    case $FIRST$SECOND in
    0[13]) runs=one other=two ;;
    [13]0) runs=two other=one ;;
    *) fail "round $round: two create: $(tell)" ;;
    esac
    [ "$(rows $runs state)" = '0:0:0:0 waiting' ] || fail "round $round: $runs has $(rows $runs state)"
    [ -z "$(number_of $other)" ] || fail "round $round: $other runs all the same: $(tell)"
    bed_ctl destroy $runs >/dev/null
    # And one name twice.
    both create one.cfg -- create one.cfg
    [[ $FIRST$SECOND == 0[13] || $FIRST$SECOND == [13]0 ]] || fail "round $round: one domain twice: $(tell)"
    [ "$(rows one state)" = '0:0:0:0 waiting' ] || fail "round $round: one has $(rows one state)"
    bed_ctl destroy one >/dev/null
done

# A guest that does not answer: its domain is busy, the others are not.
config other ram:1M,0:0:0:0
kill -STOP -- -"$GUEST"
bed_ctl attach --persist --timeout 8 demo ram:2M,0:0:5:0 >said1 2>&1 &
attaching=$!
until_true 5 test -e bed/domains.d/demo.pending || fail "it has not begun"
says "domain 'other' gets" bed_ctl define other.cfg
kill -0 "$attaching" || fail "define of another domain has waited"
[ "$(stat -c %a bed/domains.d/.demo.lock)" = 600 ] || fail "others may lock it"
refused 'another pvscsictl has been changing' bed_ctl detach --persist --timeout 1 demo 0:0:0:0
[ "$STATUS" = 5 ] || fail "status $STATUS"
STATUS=0
wait "$attaching" || STATUS=$?
kill -CONT -- -"$GUEST"
[ "$STATUS" = 5 ] || fail "attach ends with $STATUS: $(cat said1)"
[ "$(luns); $(kept)" = '0:0:0:0 ram:1M; ' ] || fail "after that: $(luns), kept $(kept)"
[ -z "$(find bed/domains.d -name '.*')" ] || fail "locks are left: $(ls -A bed/domains.d)"
echo >go
wait "$GUEST" || fail "the guest's command failed"
