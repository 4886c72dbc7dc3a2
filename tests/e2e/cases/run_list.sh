# The nodes are listed, are in the environment, look like sg devices, and others are not there.
host
guest demo "ram:8M,0:0:0:0" "ram:8M,0:0:1:3"
expected=$'/dev/pvscsi/0:0:0:0\n/dev/pvscsi/0:0:1:3'
[ "$(pvscsi-run demo --list)" = "$expected" ] || fail "--list: $(pvscsi-run demo --list)"
# shellcheck disable=SC2016
[ "$(as demo sh -c 'echo $PVSCSI_DEVICES')" = "${expected/$'\n'/ }" ] || fail "PVSCSI_DEVICES"
says 'character special file 15' as demo stat -c '%F %t' /dev/pvscsi/0:0:1:3
refused 'No such file' as demo stat /dev/pvscsi/0:0:2:0
refused 'No such file' as demo sg_inq /dev/pvscsi/0:0:2:0
as demo test -c /dev/pvscsi/0:0:0:0
as demo test -d /dev/pvscsi
