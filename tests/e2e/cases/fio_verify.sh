# limit: 300
# fio's sg engine: random and sequential, depths 1 to 16, 512 bytes to 508 KiB, all verified.
disk disk.img 64M
host
guest demo "file:$DISK,0:0:0:0"
n=$(node 0)
name=${n//:/\\:} # a colon separates files to fio

check() {
    status_of as demo fio --name=check --filename="$name" --ioengine=sg --verify=crc32c \
        --verify_fatal=1 --do_verify=1 --size=16M --output-format=terse --terse-version=3 "$@"
    [ "$STATUS" -eq 0 ] || fail "fio $*"
    [ "$(awk -F';' '/^3;/{print $5}' <<<"$OUTPUT")" = 0 ] || fail "fio $* counts errors"
}
check --rw=write --bs=4k --iodepth=1
check --rw=randwrite --bs=4k --iodepth=16
check --rw=randwrite --bs=512 --iodepth=8 --size=2M
check --rw=write --bs=64k --iodepth=4
check --rw=randwrite --bs=64k --iodepth=16
check --rw=write --bs=508k --iodepth=16 --size=15748k
check --rw=randwrite --bsrange=512-128k --bs_unaligned=0 --iodepth=16
check --rw=randrw --bs=8k --iodepth=16
