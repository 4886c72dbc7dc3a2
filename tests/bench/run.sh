#!/bin/bash
# The benchmark: ours with every way to wait, qemu-nbd, tgt and the machine's limits, all in one
# run, on data in memory. Prints one table; README.md says how to read it. Never a test: figures
# are not judged here.
#
#   tests/bench/run.sh [--seconds S] [--repeat N] [--quick] [--realtime] [--only SECTION...]
#
# SECTION: limits, ours, nbd, tgt, calls, idle (default: all). --quick: one short run for a point.
# --realtime: everything measured runs under SCHED_RR, so that other work on the machine does not
# count; for machines that are not quiet. BUILD names the build directory.
# Installs the packages it needs, as tests/run.sh does; what then is missing is left out.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
arguments=("$@")
seconds=1.5 repeat=3 realtime=0 sections=(limits ours nbd tgt calls idle)
while [ $# -gt 0 ]; do
    case $1 in
    --seconds) seconds=$2 && shift ;;
    --repeat) repeat=$2 && shift ;;
    --quick) seconds=0.5 repeat=1 ;;
    --realtime) realtime=1 ;;
    --only)
        shift
        sections=("$@")
        break
        ;;
    *)
        sed -n '2,13s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 2
        ;;
    esac
    shift
done
if [ "$realtime" = 1 ] && [ -z "${BENCH_REALTIME:-}" ]; then
    BENCH_REALTIME=1 exec chrt -r 1 "${BASH_SOURCE[0]}" "${arguments[@]}"
fi

"$here/../install-packages.sh" bench || true
# shellcheck source=tests/support/bed.sh
. "$here/../support/bed.sh"
PATH=$BUILD/tests/bench:$PATH
work=$(mktemp -d /dev/shm/pvscsi-bench.XXXXXX)
results=$work/results.jsonl
size=64M
children=()

cleanup() {
    for pid in "${children[@]}"; do kill "$pid" 2>/dev/null || true; done
    [ -z "${BED_HOSTD:-}" ] || bed_stop || true
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

has() { command -v "$1" >/dev/null || { echo "$1 is missing: $2 is left out" >&2; return 1; }; }

# CPU seconds of a process so far.
cpu_of() { awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hz }' "/proc/$1/stat"; }

# Points: NAME ACCESS BLOCK DEPTH
points=(
    '4k-randread-1 randread 4096 1' '4k-randread-16 randread 4096 16'
    '4k-randwrite-1 randwrite 4096 1' '4k-randwrite-16 randwrite 4096 16'
    '64k-read-16 read 65536 16' '64k-write-16 write 65536 16'
    '512k-read-4 read 524288 4' '512k-write-4 write 524288 4'
)

# record SYSTEM POINT FILE [CPU]: a run's JSON, as pvscsi-bench or fio wrote it.
record() { python3 "$here/table.py" record "$results" "$@"; }

# --- ours -------------------------------------------------------------------------------------
guest() {
    printf 'name = "bench"\nvscsi = [ "ram:%s,0:0:0:0", "null:%s,0:0:1:0" ]\n' "$size" "$size" \
        >"$work/bench.cfg"
    bed_ctl create "$work/bench.cfg" >/dev/null
}

ours() {
    local wait access block depth name lun
    for wait in event adaptive poll; do
        bed_start --wait $wait --log-level warning
        guest
        # Touch all of it once, so that no point pays for fresh pages.
        pvscsi-bench bench 0:0:0:0 --rw write --bs 512k --iodepth 4 --runtime 0.5 --wait adaptive \
            >/dev/null
        for point in "${points[@]}"; do
            read -r name access block depth <<<"$point"
            for lun in 0 1; do
                [ $lun = 0 ] || [ "$wait/$block" = poll/4096 ] || continue
                for ((i = 0; i < repeat; i++)); do
                    pvscsi-bench bench 0:0:$lun:0 --rw "$access" --bs "$block" --iodepth "$depth" \
                        --runtime "$seconds" --wait $wait --daemon-pid "$BED_DAEMON" --json \
                        >"$work/run.json"
                    record "$([ $lun = 0 ] && echo "ram-$wait" || echo null-poll)" "$name" \
                        "$work/run.json"
                done
            done
        done
        bed_stop
    done
}

# --- qemu-nbd and fio's nbd engine ------------------------------------------------------------
nbd() {
    has qemu-nbd qemu-nbd && has fio qemu-nbd || return 0
    local server before after name access block depth
    dd if=/dev/urandom of="$work/disk" bs=1M count=64 status=none
    qemu-nbd -f raw -t -e 4 -k "$work/nbd.sock" "$work/disk" &
    server=$!
    children+=("$server")
    until [ -S "$work/nbd.sock" ]; do sleep 0.05; done
    for point in "${points[@]}"; do
        read -r name access block depth <<<"$point"
        for ((i = 0; i < repeat; i++)); do
            before=$(cpu_of $server)
            fio --name=x --ioengine=nbd --uri="nbd+unix:///?socket=$work/nbd.sock" \
                --rw="$access" --bs="$block" --iodepth="$depth" --time_based --size="$size" \
                --runtime="$seconds" --randrepeat=0 --output-format=json >"$work/run.json" \
                2>"$work/fio.err" || { cat "$work/fio.err" >&2; return 1; }
            after=$(cpu_of $server)
            record qemu-nbd "$name" "$work/run.json" "$(awk "BEGIN { print $after - $before }")"
        done
    done
    kill $server
    rm "$work/disk"
}

# --- tgt: our load program over libiscsi, and beside it iscsi-perf -----------------------------
# iscsi-perf only reads, tells no latencies, counts whole seconds and tells once a second.
iscsi_perf() { # PORTAL_AND_TARGET SERVER NAME ACCESS BLOCK DEPTH
    local before after order=()
    case $4 in *write) return ;; esac
    [ "$4" != randread ] || order=(-r)
    before=$(cpu_of "$2")
    TIMEFORMAT='%U %S'
    { time timeout -s INT 3.3 iscsi-perf -m "$6" -b $(($5 / 512)) "${order[@]}" "$1" \
        </dev/null >"$work/perf.out" 2>&1 || true; } 2>"$work/time.out"
    after=$(cpu_of "$2")
    record tgt-iscsi-perf "$3" "$work/perf.out" \
        "$(awk "BEGIN { print $after - $before + $(tr ' ' + <"$work/time.out" | tail -1) }")"
}

tgt() {
    has tgtd tgt || return 0
    local server name access block depth control=$((RANDOM % 1000 + 100)) portal unit
    local ctl=(tgtadm -C "$control" --lld iscsi) iqn=iqn.2026-01.bench:ram
    portal=127.0.0.1:$((20000 + control)) unit=iscsi://127.0.0.1:$((20000 + control))/$iqn/1
    dd if=/dev/urandom of="$work/disk" bs=1M count=64 status=none
    tgtd -f -C $control --iscsi portal=$portal >"$work/tgtd.log" 2>&1 &
    server=$!
    children+=("$server")
    until "${ctl[@]}" --op show --mode target >/dev/null 2>&1; do
        kill -0 $server 2>/dev/null || { cat "$work/tgtd.log" >&2; return 1; }
        sleep 0.05
    done
    "${ctl[@]}" --op new --mode target --tid 1 -T $iqn
    "${ctl[@]}" --op new --mode logicalunit --tid 1 --lun 1 -b "$work/disk"
    "${ctl[@]}" --op bind --mode target --tid 1 -I ALL
    for point in "${points[@]}"; do
        read -r name access block depth <<<"$point"
        for ((i = 0; i < repeat; i++)); do
            bench-iscsi-load "$unit" --rw "$access" --bs "$block" --iodepth "$depth" \
                --runtime "$seconds" --daemon-pid "$server" >"$work/run.json"
            record tgt "$name" "$work/run.json"
        done
        if command -v iscsi-perf >/dev/null; then
            iscsi_perf "$unit" "$server" "$name" "$access" "$block" "$depth"
        fi
    done
    kill -KILL $server # it waits for its initiators else
    wait $server 2>/dev/null || true
    rm "$work/disk"
}

# --- what the machine can do ------------------------------------------------------------------
limits() {
    bench-limits --json --repeat 5 >"$work/limits.json"
    bench-bare-ring --json --runtime "$seconds" --repeat "$repeat" >"$work/bare.json"
    record limits - "$work/limits.json"
    record bare - "$work/bare.json"
}

# --- no system call and no allocation per request while polling -------------------------------
calls() {
    has strace 'counting system calls' || return 0
    local tracer done_ios
    # shellcheck disable=SC2030,SC2031
    export COUNT_ALLOC_FILE=$work/daemon.alloc
    LD_PRELOAD=$BUILD/tests/bench/libcount-alloc.so bed_start --wait poll --log-level warning
    unset COUNT_ALLOC_FILE
    guest
    echo
    echo "System calls and allocations, both ends polling, 4 KiB reads at depth 16:"
    # A first run has both ends allocate what they keep.
    pvscsi-bench bench 0:0:0:0 --iodepth 16 --wait poll --runtime 0.5 >/dev/null
    for time in 1 3; do
        strace -f -c -U calls,name -o "$work/daemon.strace" -p "$BED_DAEMON" 2>/dev/null &
        tracer=$!
        until grep -q "TracerPid:.[1-9]" "/proc/$BED_DAEMON/status"; do sleep 0.05; done
        local before after
        before=$(od -An -t u8 "$work/daemon.alloc")
        COUNT_ALLOC_FILE=$work/bench.alloc strace -f -c -U calls,name -o "$work/bench.strace" \
            -E LD_PRELOAD="$BUILD/tests/bench/libcount-alloc.so" \
            pvscsi-bench bench 0:0:0:0 --iodepth 16 --wait poll --runtime $time --json \
            >"$work/run.json"
        after=$(od -An -t u8 "$work/daemon.alloc")
        kill -INT $tracer
        wait $tracer || true
        done_ios=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["commands"])' \
            "$work/run.json")
        printf '  %s s: %9d commands; guest %5d calls %6d allocations; daemon %5d calls %6d allocations\n' \
            $time "$done_ios" "$(awk '/total/ { print $1 }' "$work/bench.strace")" \
            "$(od -An -t u8 "$work/bench.alloc")" \
            "$(awk '/total/ { print $1 }' "$work/daemon.strace")" "$((after - before))"
        rm "$work/bench.alloc"
    done
    bed_stop
}

# --- 64 vhosts that are connected and have nothing to do --------------------------------------
pss() { awk '/^Pss:/ { print $2 }' "/proc/$1/smaps_rollup"; }

idle() {
    local count=64 before after cpu guests=()
    bed_start --log-level warning
    guest
    # One connection first, so that what the daemon needs once does not count.
    pvscsi-run bench -- true
    before=$(pss "$BED_DAEMON")
    for ((i = 0; i < count; i++)); do
        printf 'name = "idle%d"\nvscsi = [ "ram:1M,0:0:0:0" ]\n' $i >"$work/idle.cfg"
        bed_ctl create "$work/idle.cfg" >/dev/null
        pvscsi-run "idle$i" -- sleep 1000 &
        guests+=($!)
        children+=($!)
    done
    until [ "$(bed_ctl list --json | grep -c '"connected"')" -ge $count ]; do sleep 0.2; done
    sleep 1
    after=$(pss "$BED_DAEMON")
    cpu=$(cpu_of "$BED_DAEMON")
    sleep 10
    cpu=$(awk "BEGIN { print $(cpu_of "$BED_DAEMON") - $cpu }")
    echo
    awk -v n=$count -v memory=$((after - before)) -v cpu="$cpu" 'BEGIN {
        printf "%d idle vhosts: daemon %.2f CPU seconds in 10 s, %.0f KiB each (PSS)\n", n, cpu,
            memory / n }'
    kill "${guests[@]}"
    for pid in "${guests[@]}"; do wait "$pid" || true; done
    bed_stop
}

echo "$(nproc) CPUs: $(awk -F': ' '/model name/ { print $2; exit }' /proc/cpuinfo), Linux $(uname -r)"
echo "$repeat runs of $seconds s for a point, medians; load average at the start: $(cut -d' ' -f1 /proc/loadavg)"
for section in "${sections[@]}"; do
    case $section in
    limits | ours | nbd | tgt) "$section" ;;
    esac
done
[ ! -s "$results" ] || python3 "$here/table.py" print "$results"
for section in "${sections[@]}"; do
    case $section in
    calls | idle) "$section" ;;
    esac
done
