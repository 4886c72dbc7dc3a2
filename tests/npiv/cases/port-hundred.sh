# shellcheck shell=bash
# what: 100 vports on a port without a fabric, made and deleted
# shellcheck source=tests/npiv/guest/npiv.sh
. /job/npiv.sh
alone_up
host=$(fc_host $alone)
begin=$SECONDS
for number in $(seq 100); do
    echo "$(wwpn "$number"):$(wwnn "$number")" >"$host/vport_create" || fail "vport $number"
done
echo "made in $((SECONDS - begin)) s"
[ "$(cat "$host/npiv_vports_inuse") $(vports_of "$host" | wc -l)" = "100 100" ] ||
    fail "in use: $(cat "$host/npiv_vports_inuse"), there are $(vports_of "$host" | wc -l)"
said() { for vport in $(vports_of "$host"); do cat "/sys/class/fc_vports/$vport/$1"; done | sort -u; } # FILE
[ "$(said port_name | wc -l)" = 100 ] || fail "not 100 names"
[ "$(said vport_state)" = Linkdown ] || fail "states: $(said vport_state)"
begin=$SECONDS
# Half of them each way; the one that is asked at the vport itself comes later.
for number in $(seq 50); do
    echo "$(wwpn "$number"):$(wwnn "$number")" >"$host/vport_delete" || fail "vport $number"
done
[ "$(vports_of "$host" | wc -l)" = 50 ] || fail "$(vports_of "$host" | wc -l) vports"
for vport in $(vports_of "$host"); do echo 1 >"/sys/class/fc_vports/$vport/vport_delete"; done
none() { [ -z "$(vports_of "$host")" ]; }
wait_until 60 none || fail "$(vports_of "$host" | wc -l) vports stay"
echo "deleted in $((SECONDS - begin)) s"
[ "$(cat "$host/npiv_vports_inuse")" = 0 ] || fail "vports in use: $(cat "$host/npiv_vports_inuse")"
# With the port its vports go.
for number in 1 2 3; do echo "$(wwpn "$number"):$(wwnn "$number")" >"$host/vport_create"; done
alone_down
[ -z "$(vports_of "$host")" ] || fail "vports without a port: $(vports_of "$host")"
