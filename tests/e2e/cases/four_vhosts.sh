# A guest with four vhosts has four connections; LUNs of the same number on them are different.
host
guest demo "ram:4M,0:0:0:0" "ram:4M,1:0:0:0" "ram:4M,2:0:0:0" "ram:4M,3:0:0:0"
[ "$(pvscsi-run demo --list | wc -l)" -eq 4 ] || fail "not all four are there"
for vhost in 0 1 2 3; do noise "data$vhost" 2M; done
as demo bash -euc '
    for vhost in 0 1 2 3; do
        sg_dd if=data$vhost of=/dev/pvscsi/$vhost:0:0:0 bs=512 >/dev/null 2>&1 &
    done
    wait
    for vhost in 0 1 2 3; do
        sg_dd if=/dev/pvscsi/$vhost:0:0:0 of=back$vhost bs=512 count=4096 >/dev/null 2>&1 &
    done
    wait
    for vhost in 0 1 2 3; do cmp data$vhost back$vhost; done'
