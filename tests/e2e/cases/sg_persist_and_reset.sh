# sg_persist reads keys; sg_reset resets a logical unit, and says so when asked for more.
disk disk.img 16M
host
guest demo "file:$DISK,0:0:0:0"
n=$(node 0)

status_of as demo sg_persist --in --read-keys "$n"
[ "$STATUS" -eq 0 ] || [ "$STATUS" -eq 9 ] || fail "PERSISTENT RESERVE IN ends with $STATUS"
as demo sg_reset -N -d "$n"
status_of as demo sg_turs "$n" # the unit attention of the reset may come first
says '' as demo sg_turs "$n"
refused 'may not be available' as demo sg_reset -N -b "$n"
