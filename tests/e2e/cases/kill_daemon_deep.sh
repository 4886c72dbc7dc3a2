# limit: 400
# The same with many commands in flight, direct and indirect, and verification by fio: the daemon
# is killed while each write is read back and compared.
disk disk.img 32M
host
guest demo "file:$DISK,0:0:0:0"
name=$(node 0)
name=${name//:/\\:} # a colon separates files to fio
RANDOM=${E2E_SEED:-2}
background pvscsi-run --patience 60 demo -- fio --name=v --filename="$name" --ioengine=sg \
    --rw=randwrite --bsrange=4k-256k --size=32M --verify=crc32c --verify_backlog=32 \
    --verify_fatal=1 --iodepth=16 --time_based --runtime="${E2E_SECONDS:-15}" \
    --output="$E2E_DIR/fio.log"
fio=$PID
kills=0
while sleep 0.$((RANDOM % 4))$((RANDOM % 10)) && kill -0 "$fio" 2>/dev/null; do
    bed_daemon_kill
    bed_daemon_start || fail "kill $kills: the daemon does not start again"
    kills=$((kills + 1))
done
wait "$fio" || fail "fio found something wrong: $(cat "$E2E_DIR/fio.log")"
[ "$kills" -ge 20 ] || fail "only $kills kills"
grep -q 'err= 0' "$E2E_DIR/fio.log" || fail "$(cat "$E2E_DIR/fio.log")"
grep -Eq 'taken over requests=([4-9]|1[0-6])' "$BED_DIR/pvscsid.log" ||
    fail "never were many commands in flight"
