# No room in the host's directory: each program that wants to make something there says so and
# changes nothing, what runs goes on, and all is well when there is room again.
if [ -z "${FULL_DIRECTORY_NAMESPACE:-}" ]; then
    unshare -m true 2>/dev/null || skip "no mount namespace of its own (not root?)"
    trap - EXIT
    cd /
    rm -rf "$E2E_DIR"
    export FULL_DIRECTORY_NAMESPACE=1
    exec unshare -m bash -euo pipefail -c '. "$1/lib.sh"; . "$1/cases/full_directory.sh"' e2e \
        "$E2E_PROJECT/tests/e2e"
fi
mkdir bed
mount -t tmpfs -o size=1m,nr_inodes=40 none bed
fill() {
    local n=0
    while : >"bed/full.$n"; do n=$((n + 1)); done 2>/dev/null
}

fill
refused "cannot .* $E2E_DIR/bed/.*No space left on device" pvscsi-hostd --dir "$E2E_DIR/bed"
rm bed/full.*

host
config demo "ram:8M,0:0:0:0"
fill
refused 'No space left on device' pvscsictl create demo.cfg
says '^\[\]$' pvscsictl list --json
rm bed/full.*
says 'created' pvscsictl create demo.cfg

fill
refused 'No space left on device' as demo true
[ "$STATUS" = 125 ] || fail "pvscsi-run ended with $STATUS"
rm bed/full.*
says '' as demo sg_turs "$(node 0)"

# The daemon can't keep what a successor would need: it serves nobody, says why, and neither end
# goes through its states as fast as it can.
bed_daemon_stop
mkdir small
mount -t tmpfs -o size=4k none small
head -c 4096 /dev/zero >small/full
bed_daemon_start --state-dir "$E2E_DIR/small"
background xenstore-watch "/local/domain/0/backend/vscsi/$(domid demo)/0/state" >states
refused 'the backend says: .*No space left on device' as demo true
changes=$(wc -l <states)
[ "$changes" -lt 100 ] || fail "the backend's state has changed $changes times"
mount -o remount,size=1m small
says '' as demo sg_turs "$(node 0)"
