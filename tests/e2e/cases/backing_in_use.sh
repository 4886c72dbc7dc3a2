# A disk that one guest has is not given to a second one, who is told so; when the first is gone,
# it can be had.
disk disk.img 4M
host
guest alpha "file:$DISK,0:0:0:0"
guest beta "ram:4M,0:0:0:0"
mkfifo ready go
background pvscsi-run beta -- bash -c 'echo >ready; read -r _ <go; sg_turs "$1"' _ "$(node 1)"
read -r _ <ready
refused 'domain .* uses it as' bed_ctl attach beta "file:$DISK,0:0:0:1"
refused 'domain .* uses it as' bed_ctl attach beta "file:$DISK,0:0:0:1,ro"
bed_ctl destroy alpha
bed_ctl attach beta "file:$DISK,0:0:0:1"
echo >go
wait "$PID" || fail "the disk does not work in its second guest"
