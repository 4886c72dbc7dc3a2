# Two programs that would be the same device's frontend: the second one is told who has it, and the
# first one's I/O goes on; also a program that was stopped in the middle still has it.
host
guest demo "ram:8M,0:0:0:0"
n=$(node 0)
mkfifo ready go
background pvscsi-run demo -- bash -c "echo >ready; read -r _ <go; sg_turs $n"
first=$PID
read -r _ <ready
refused "in use by pvscsi-run .process $first." pvscsi-bench demo 0:0:0:0 --runtime=1
kill -STOP "$first"
refused 'in use by pvscsi-run' pvscsi-bench demo 0:0:0:0 --runtime=1
kill -CONT "$first"
echo >go
wait "$first" || fail "the first one lost its device"
says '' pvscsi-bench demo 0:0:0:0 --runtime=0.2

background pvscsi-run demo -- bash -c 'echo >ready; sleep 1000'
read -r _ <ready
kill -KILL "$PID"
wait "$PID" || true
says '' pvscsi-bench demo 0:0:0:0 --runtime=0.2
