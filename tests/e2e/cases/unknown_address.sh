# What has no LUN answers NO_CONNECT; LUN 0 of a target that has others says what it is not.
host
guest demo "ram:8M,0:0:0:0" "ram:8M,0:0:1:5"
answers=$("$BUILD/tests/e2e/e2e-inquire" demo 0 0:0:0:0 0:0:0:1 0:0:2:0 0:1:0:0 0:0:1:5 0:0:1:0 \
    0:0:65535:65535)
echo "$answers"
line() { grep "^$1 " <<<"$answers"; }
line 0:0:0:0 | grep -q 'inquiry 0/0/0 00' || fail "a LUN that is there"
line 0:0:1:5 | grep -q 'inquiry 0/0/0 00' || fail "a LUN that is there, with a number"
for address in 0:0:2:0 0:1:0:0 0:0:65535:65535; do
    line "$address" | grep -q 'inquiry 1/0/0 .. ready 1/0/0' || fail "no NO_CONNECT: $address"
done
line 0:0:1:0 | grep -qE 'inquiry 0/0/0 (3f|7f|20)|inquiry 1/' || fail "LUN 0 of a target with LUNs"
line 0:0:0:1 | grep -qE 'inquiry 0/0/0 (3f|7f|20)|inquiry 1/' || fail "a LUN beside another"
