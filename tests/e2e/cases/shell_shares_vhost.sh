# Several processes under one pvscsi-run share the vhost: a pipeline of readers and writers.
disk disk.img 32M
noise data 8M
host
guest demo "file:$DISK,0:0:0:0"
n=$(node 0)
as demo bash -euc "
    for part in 0 1 2 3; do
        sg_dd if=data of=$n bs=512 skip=\$((part * 4096)) seek=\$((part * 4096)) count=4096 &
    done
    wait
    sg_dd if=$n bs=512 count=16384 of=- | cmp - data
"
cmp -n 8388608 data "$DISK"
