# what: not a case: what bench.sh runs in dom0; prints lines RESULT PAIR WORKLOAD DEPTH ROUND IOPS MEAN-us P99-us DOM0-CPU-us
# seconds: 4000
# shellcheck source=tests/xen/lib.sh
. /job/lib.sh
# shellcheck source=tests/xen/lib-lio.sh
. /job/lib-lio.sh
# shellcheck disable=SC1091  # written by bench.sh
. /job/bench-settings
: "${seconds:?}" "${points:?}" "${rounds:?}"
guest_seconds=$((30 * BED_FACTOR + 10 * seconds))

if [ "$points" = few ]; then
    workloads=("randread 4k 1" "randread 4k 32" "read 128k 8")
else
    workloads=("randread 4k 1" "randread 4k 8" "randread 4k 32" "randwrite 4k 1" "randwrite 4k 8" "randwrite 4k 32"
        "read 128k 8" "write 128k 8" "read 508k 8" "write 508k 8")
fi

busy() { # dom0's processor time so far, in hundredths of a second
    local _ user nice system irq softirq
    read -r _ user nice system _ _ irq softirq _ </proc/stat
    echo $((user + nice + system + irq + softirq))
}
fio_options() { # RW BS DEPTH
    echo "--name=b --direct=1 --ioengine=libaio --thread --time_based --runtime=$seconds --size=16m --rw=$1 --bs=$2
        --iodepth=$3 --minimal --terse-version=3 --group_reporting --percentile_list=99"
}
# Of fio's terse line: IOPS, mean and 99 % latency, of reads or of writes.
fio_figures() { # RW
    local part=8 line
    line=$(grep -a '^3;') || { echo "0 0 0"; return; }
    [[ $1 != *write ]] || part=49
    awk -F';' -v iops=$part '{ split($(iops + 10), p, "="); print $iops, $(iops + 32), p[2] }' <<<"$line"
}
# measure PAIR RW BS DEPTH ROUND COMMAND...: COMMAND prints the three figures
measure() {
    local pair=$1 rw=$2 bs=$3 depth=$4 round=$5 begin used figures iops
    shift 5
    begin=$(busy)
    figures=$("$@" "$rw" "$bs" "$depth")
    used=$(($(busy) - begin))
    read -r iops _ <<<"$figures"
    echo "RESULT $pair $bs-$rw $depth $round $figures $((used * 10000))"
    [ "${iops%.*}" -gt 0 ] || fail "$pair: no figures"
}
in_guest() { # H:C:T:L RW BS DEPTH
    guest_run g1 "fio --filename=\$(disk $1) $(fio_options "$2" "$3" "$4" | tr -d '\n')" | fio_figures "$2"
}
in_dom0() { # DISK RW BS DEPTH
    # shellcheck disable=SC2046
    fio --filename="$1" $(fio_options "$2" "$3" "$4") | fio_figures "$2"
}
# A ring has 16 slots: more the library does not take, where Linux' driver has them wait.
by_library() { # RW BS DEPTH
    local json field figures=() depth=$(($3 > 16 ? 16 : $3))
    # Its first object is of reads and writes together.
    json=$(guest_run g2 "pvscsi-bench g2 0:0:0:0 --rw $1 --bs $2 --iodepth $depth --runtime $seconds --json" |
        tr -d ' \r\n' | sed 's/"read":.*//')
    for field in iops mean p99; do
        [[ $json =~ \"$field\":([0-9]+) ]] && figures+=("${BASH_REMATCH[1]}") || figures+=(0)
    done
    echo "${figures[0]} $((figures[1] / 1000)) $((figures[2] / 1000))"
}
# measure_all PAIR-OF-OURS [also]: all points, the kernel's pair beside ours; also: the other pairs
measure_all() {
    local ours=$1 also=${2:-} round point rw bs depth
    for round in $(seq "$rounds"); do
        for point in "${workloads[@]}"; do
            read -r rw bs depth <<<"$point"
            measure scsiback+scsifront "$rw" "$bs" "$depth" "$ours/$round" in_guest 0:0:0:0
            measure "$ours" "$rw" "$bs" "$depth" "$ours/$round" in_guest 1:0:0:0
            [ -n "$also" ] || continue
            measure pvscsid+library "$rw" "$bs" "$depth" "$ours/$round" by_library
            measure native "$rw" "$bs" "$depth" "$ours/$round" in_dom0 "$native"
        done
    done
}

lio_start
lio_lun 0 ramdisk
lio_own_disk || fail "no disk of LIO in dom0"
native=$lio_own
lio_guest_start g1 0
guest_must g1 'wait_lun 0:0:0:0'
daemon_start
guest_extra="pvscsi.library pvscsi.noscsi"
guest_start g2 ram:16M,0:0:0:0
guest_must g2 'echo 8192 >/sys/module/xen_gntalloc/parameters/limit'
attach g1 ram:16M,1:0:0:0
guest_must g1 'wait_lun 1:0:0:0; lsscsi'
measure_all pvscsid+scsifront also
idle() { # WHAT
    begin=$(busy)
    sleep 5
    echo "IDLE $1 $(($(busy) - begin))"
}
idle "an idle vhost of each backend"

guest_destroy g2
detach g1 1:0:0:0
daemon_stop
daemon_start --wait event
attach g1 ram:16M,1:0:0:0
guest_must g1 'wait_lun 1:0:0:0'
measure_all pvscsid-event+scsifront
idle "the same with \`event\`"
daemon_stop
idle "without ours"
