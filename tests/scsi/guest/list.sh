#!/bin/bash
# list.sh LIST NODE RESULTS: runs the commands of LIST, a line each in one shell, on $NODE, natively or
# in the guest. RESULTS/NUMBER.{line,out,status} are what a line was, printed and ended with; what is no
# matter of the device (names of nodes and files, the tool's addresses in memory) is made alike.
list=$1 NODE=$2 results=$3 SCRATCH=$(mktemp -d)
export NODE SCRATCH
mkdir -p "$results"
# The unit attentions of the start go to whoever comes first.
for _ in 1 2 3 4; do sg_turs "$NODE" >/dev/null 2>&1; done
exec 3<"$list"
number=100
differs() { :; } # REASON: the rest of the line gives something else in the guest, and has to
while IFS= read -r -u 3 line; do
    case $line in '' | '#'*) continue ;; esac
    number=$((number + 1))
    echo "$line" >"$results/$number.line"
    eval "$line" >"$results/$number.out" 2>&1 </dev/null 3<&-
    echo $? >"$results/$number.status"
done
sed -i "s,$NODE,NODE,g; s,$SCRATCH,SCRATCH,g; s/0x[0-9a-f]\{8,\}/ADDRESS/g" "$results"/*.out
rm -r "$SCRATCH"
echo $number >"$results/end"
