# limit: 200
# Several fio jobs on one disk and on two disks at once, each verifying its own part.
disk a.img 64M
a=$DISK
disk b.img 64M
host
guest demo "file:$a,0:0:0:0" "file:$DISK,0:0:0:1"
cat >jobs.fio <<JOBS
[global]
ioengine=sg
verify=crc32c
verify_fatal=1
size=8M
bs=4k
iodepth=8
rw=randwrite
[a1]
filename=$(node 0)
offset=0
[a2]
filename=$(node 0)
offset=8M
[a3]
filename=$(node 0)
offset=16M
bs=32k
[b1]
filename=$(node 1)
offset=0
[b2]
filename=$(node 1)
offset=8M
rw=write
bs=128k
JOBS
sed -i 's/:/\\:/g' jobs.fio # a colon separates files to fio
status_of as demo fio jobs.fio
[ "$STATUS" -eq 0 ] || fail "fio ended with $STATUS"
grep -q 'err= 0' <<<"$OUTPUT" || fail "fio does not say err= 0"
! grep -qE 'err=[ ]*[1-9]' <<<"$OUTPUT" || fail "fio counts errors"
