# what: the bed itself: a guest boots and runs commands, its programs are whole, it goes away
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh

for program in pvscsid pvscsictl; do
    ldd "$(command -v $program)" | grep 'not found' && fail "$program lacks libraries in dom0"
done
guest_extra=pvscsi.library
guest_start_bare g1
grep ready "$(guest_log g1)"
[ "$(guest_run g1 'echo one; echo -n two; exit 3')" = "one
two" ] || fail "what was printed did not come back"
guest_run g1 'exit 3'
[ $? = 3 ] || fail "the status did not come back"
guest_must g1 'fio --version && pvscsi-run --help >/dev/null && uname -r'
guest_must g1 'seq 3000 | sha256sum'
guest_must g1 'seq 3000' >/tmp/many
[ "$(wc -l </tmp/many)" = 3000 ] || fail "$(wc -l </tmp/many) lines of 3000 came"
must xl destroy g1
wait_until $((10 * BED_FACTOR)) guest_gone g1 || fail "the guest is still there"
