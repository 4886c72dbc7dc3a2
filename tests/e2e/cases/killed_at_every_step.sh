# limit: 240
# pvscsictl killed on its way, before one of the system calls by which it reads or changes the store or
# a file, from the first to the last: what is there then is what was, or what was asked for; never half
# of it. What it left on its way, the next one ends. KILLS: how many of these calls of each verb, 12
# else, evenly spread; 1000 is each of them and takes half an hour.
command -v strace >/dev/null || skip "no strace"
# What goes to the store and to files. A process that is killed there has not made the call.
calls=sendmsg,sendto,write,writev,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,fsync,ftruncate
kills=${KILLS:-12}
traced() { strace -f -qq -e "trace=$calls" "$@" >said 2>&1; }
# steps_of ARGUMENT...: sets steps to those of its calls at which it is to be killed; it does its work.
steps_of() {
    local count
    traced -o calls pvscsictl "$@" || fail "pvscsictl $*: $(cat said)"
    count=$(grep -c '(' calls)
    [ "$count" -ge 3 ] || fail "only $count calls: $(cat calls)"
    mapfile -t steps < <(for ((i = 0; i < kills && i < count; i++)); do
        echo $((1 + (count > kills ? i * (count - 1) / (kills - 1) : i)))
    done)
    echo "$*: $count calls, killed at ${steps[*]}"
}
# killed_at STEP ARGUMENT...: it may also come to its end: what it has to read is not always the same.
killed_at() {
    local step=$1 status=0
    shift
    traced -o /dev/null -e "inject=$calls:signal=KILL:when=$step" pvscsictl "$@" || status=$?
    [ "$status" = 0 ] || [ "$status" = 137 ] || fail "step $step of pvscsictl $*: status $status: $(cat said)"
}
export PVSCSI_SCHEMAS=$E2E_PROJECT/xenstore-schemas
mkdir xen bed
BED_DIR=$E2E_DIR/bed
printf '[domains]\nfiles = [ "%s/xen/*.cfg" ]\n' "$E2E_DIR" >bed/pvscsid.toml
disk disk.img 4M
config demo "file:$DISK,0:0:0:0" ram:1M,1:0:0:0
mv demo.cfg xen/
host
luns() { rows demo state | sort | xargs; }
has() { [ "$(luns)" = "$1" ]; }
# Of the two, with everything settled: neither end is on its way any more.
is_one_of() { [ "$(luns)" = "$1" ] || [ "$(luns)" = "$2" ]; }
sound() { # STEP VERB
    bed_ctl check --store demo >said || fail "step $1 of $2: $(cat said)"
}

# A domain whose guest is there, and takes up and lets go of LUNs.
bed_ctl create xen/demo.cfg
mkfifo ready go
background pvscsi-run demo -- bash -c 'echo >ready; read -r _ <go'
read -r _ <ready
before='0:0:0:0 connected 1:0:0:0 connected' after="0:0:0:0 connected 0:0:5:0 connected 1:0:0:0 connected"
until_true 10 has "$before" || fail "at first it has $(luns)"

gone() { bed_ctl destroy demo >said 2>&1 || grep -q 'no domain' said || fail "destroy: $(cat said)"; }

for verb in attach attach--persist; do
    steps_of ${verb/--/ --} demo ram:1M,0:0:5:0
    for step in "${steps[@]}"; do
        if has "$after"; then bed_ctl detach demo 0:0:5:0 >/dev/null; fi
        rm -f bed/domains.d/demo.changes
        has "$before" || fail "$verb, taken back: $(luns)"
        killed_at "$step" ${verb/--/ --} demo ram:1M,0:0:5:0
        until_true 10 is_one_of "$before" "$after" || fail "$verb killed at step $step: $(luns)"
        sound "$step" $verb
        # Of later lives, likewise: the file of changes is whole, or not there.
        [ ! -e bed/domains.d/demo.changes ] || [ "$(grep -v "^#" bed/domains.d/demo.changes)" = "+ ram:1M,0:0:5:0" ] ||
            fail "$verb killed at step $step: $(cat bed/domains.d/demo.changes)"
    done
    if has "$after"; then bed_ctl detach demo 0:0:5:0 >/dev/null; fi
    rm -f bed/domains.d/demo.changes
done

# detach: gone, or there as before, or let go of by the guest and still listed, which the next one ends.
settled() { has "$before" || has "$after" || has "0:0:0:0 connected 0:0:5:0 failed 1:0:0:0 connected"; }
bed_ctl attach demo ram:1M,0:0:5:0 >/dev/null
steps_of detach demo 0:0:5:0
for step in "${steps[@]}"; do
    has "$after" || bed_ctl attach demo ram:1M,0:0:5:0 >/dev/null
    killed_at "$step" detach demo 0:0:5:0
    until_true 10 settled || fail "detach killed at step $step: $(luns)"
    sound "$step" detach
    has "$before" || bed_ctl detach demo 0:0:5:0 >/dev/null || fail "a second detach after step $step"
    has "$before" || fail "detach killed at step $step, then repeated: $(luns)"
done
echo >go
wait "$PID" || fail "the guest's command failed"

# destroy and create: the domain has all of its LUNs, or none, or is not there.
whole() { [[ $(luns) =~ ^(0:0:0:0\ [a-z-]+\ 1:0:0:0\ [a-z-]+)?$ ]]; }
steps_of destroy demo
for step in "${steps[@]}"; do
    bed_ctl create xen/demo.cfg >/dev/null
    killed_at "$step" destroy demo
    until_true 10 whole || fail "destroy killed at step $step: $(luns)"
    gone
    until_true 10 has '' || fail "destroy killed at step $step, then repeated: $(luns)"
done
steps_of create xen/demo.cfg
for step in "${steps[@]}"; do
    gone
    until_true 10 has '' || fail "after create: $(luns)"
    killed_at "$step" create xen/demo.cfg
    until_true 10 whole || fail "create killed at step $step: $(luns)"
done
gone

# define and undefine: the link is there, whole, or not.
mv xen/demo.cfg .
link=bed/domains.d/demo.cfg
for verb in define undefine; do
    what=demo.cfg
    [ $verb = define ] || what=demo
    [ $verb = define ] || bed_ctl define demo.cfg >/dev/null
    steps_of $verb $what
    for step in "${steps[@]}"; do
        if [ $verb = define ]; then rm -f $link; else bed_ctl define demo.cfg >/dev/null; fi
        killed_at "$step" $verb $what
        [ ! -L $link ] || cmp -s $link demo.cfg || fail "$verb killed at step $step: a link to nothing"
        left=$(find bed/domains.d -mindepth 1 ! -name demo.cfg)
        [ -z "$left" ] || [ $verb = define ] || fail "$verb killed at step $step leaves $left"
    done
done
