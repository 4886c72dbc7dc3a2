# limit: 360
# pvscsictl killed on its way, before one of the system calls by which it reads or changes the store or
# a file, from the first to the last: what is there then is what was, or what was asked for; never half
# of it, neither in the store nor in what is kept for later lives. What it left on its way, the next one
# ends, as `list` here. KILLS: at how many of these calls of each verb, evenly spread, 16 else; 1000 is
# each of them and takes half an hour.
command -v strace >/dev/null || skip "no strace"
# What goes to the store and to files. A process that is killed there has not made the call.
calls=sendmsg,sendto,write,writev,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,fsync,ftruncate
kills=${KILLS:-16}
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

# What is kept for later lives; what the next pvscsictl had to end is ended by `rows` above it.
kept() { grep -v "^#" bed/domains.d/demo.changes 2>/dev/null | xargs; }
now_and_later() { echo "$(luns); $(kept)"; }
is_one_of_both() { [[ $(now_and_later) == "$1" || $(now_and_later) == "$2" ]]; }
nothing_pending() {
    left=$(find bed/domains.d -name '*.pending' 2>/dev/null || true)
    [ -z "$left" ] || fail "$1 leaves $left"
}

# A domain whose guest is there, and takes up and lets go of LUNs.
bed_ctl create xen/demo.cfg
mkfifo ready go
background pvscsi-run demo -- bash -c 'echo >ready; read -r _ <go'
read -r _ <ready
before='0:0:0:0 connected 1:0:0:0 connected' after="0:0:0:0 connected 0:0:5:0 connected 1:0:0:0 connected"
until_true 10 has "$before" || fail "at first it has $(luns)"

gone() { bed_ctl destroy demo >said 2>&1 || grep -q 'no domain' said || fail "destroy: $(cat said)"; }

entry=ram:1M,0:0:5:0
for keep in '' --persist; do
    # shellcheck disable=SC2206 # none, or one option
    option=($keep) later=${keep:++ $entry}
    without="$before; " with="$after; $later"
    steps_of attach "${option[@]}" demo $entry
    for step in "${steps[@]}"; do
        [ "$(now_and_later)" = "$without" ] || bed_ctl detach "${option[@]}" demo 0:0:5:0 >/dev/null
        [ "$(now_and_later)" = "$without" ] || fail "attach $keep, taken back: $(now_and_later)"
        killed_at "$step" attach "${option[@]}" demo $entry
        until_true 10 is_one_of_both "$without" "$with" || fail "attach $keep killed at step $step: $(now_and_later)"
        sound "$step" "attach $keep"
        nothing_pending "attach $keep killed at step $step"
    done
    [ "$(now_and_later)" = "$with" ] || bed_ctl attach "${option[@]}" demo $entry >/dev/null
    steps_of detach "${option[@]}" demo 0:0:5:0
    for step in "${steps[@]}"; do
        [ "$(now_and_later)" = "$with" ] || bed_ctl attach "${option[@]}" demo $entry >/dev/null
        [ "$(now_and_later)" = "$with" ] || fail "detach $keep, taken back: $(now_and_later)"
        killed_at "$step" detach "${option[@]}" demo 0:0:5:0
        until_true 10 is_one_of_both "$without" "$with" || fail "detach $keep killed at step $step: $(now_and_later)"
        sound "$step" "detach $keep"
        nothing_pending "detach $keep killed at step $step"
    done
    [ "$(now_and_later)" = "$without" ] || bed_ctl detach "${option[@]}" demo 0:0:5:0 >/dev/null
done

# set: all that was asked for, or nothing of it.
options() { xenstore-ls "/local/domain/0/backend/vscsi/$(number_of demo)/0/vscsi-devs/dev-0" |
    sed -nE 's/^(name|queue-depth) = "(.*)"/\1=\2/p' | sort | xargs; }
steps_of set demo 0:0:0:0 name=old queue-depth=4
for step in "${steps[@]}"; do
    bed_ctl set demo 0:0:0:0 name=old queue-depth=4 >/dev/null
    killed_at "$step" set demo 0:0:0:0 name=new queue-depth=8
    [[ $(options) == 'name=old queue-depth=4' || $(options) == 'name=new queue-depth=8' ]] ||
        fail "set killed at step $step: $(options)"
done
echo >go
wait "$PID" || fail "the guest's command failed"

# destroy: the domain has all of its LUNs, or none, or is not there.
whole() { [[ $(luns) =~ ^(0:0:0:0\ [a-z-]+\ 1:0:0:0\ [a-z-]+)?$ ]]; }
steps_of destroy demo
for step in "${steps[@]}"; do
    bed_ctl create xen/demo.cfg >/dev/null
    killed_at "$step" destroy demo
    until_true 10 whole || fail "destroy killed at step $step: $(luns)"
    gone
    until_true 10 has '' || fail "destroy killed at step $step, then repeated: $(luns)"
done

# create, of a file that the daemon does not know: there is a domain with all of its LUNs, or none; or,
# if it was killed before it could know which one it is, the next one says what to do, and so it is.
config lone "file:$E2E_DIR/lone.img,0:0:0:0" ram:1M,1:0:0:0
disk lone.img 4M
left_of_lone() {
    local of_lone id
    of_lone=$(number_of lone)
    [ -z "$of_lone" ] || echo "domain $(rows lone state | sort | xargs)"
    for id in $(xenstore-list /local/domain/0/backend/vscsi 2>/dev/null); do
        [ "$id" = "$of_lone" ] || [ "$id" = "$(number_of demo)" ] || echo "nodes of $id"
    done
}
steps_of create lone.cfg
[ "$(left_of_lone)" = 'domain 0:0:0:0 waiting 1:0:0:0 waiting' ] || fail "create makes $(left_of_lone)"
declare -A ends=()
for step in "${steps[@]}"; do
    bed_ctl destroy lone >/dev/null 2>&1 || true
    [ -z "$(left_of_lone)" ] || fail "before create: $(left_of_lone)"
    killed_at "$step" create lone.cfg
    bed_ctl list >/dev/null 2>said || fail "create killed at step $step: $(cat said)"
    if grep -q "domain $(number_of lone) of that name has not run, and may lack LUNs: end it with 'pvscsictl destroy lone'" said; then
        bed_ctl destroy lone >/dev/null
        end=told
    else
        case $(left_of_lone) in
        '') end=undone ;;
        'domain 0:0:0:0 waiting 1:0:0:0 waiting') end=finished ;;
        *) fail "create killed at step $step leaves $(left_of_lone): $(cat said)" ;;
        esac
        [ ! -e bed/domains.d/lone.creating ] || [ -z "$(number_of lone)" ] || fail "step $step of create leaves its mark"
    fi
    ends[$end]=${ends[$end]:-}\ $step
done
declare -p ends
[ -n "${ends[undone]:-}" ] && [ -n "${ends[finished]:-}" ] || fail "the steps do not tell"
bed_ctl destroy lone >/dev/null 2>&1 || true

# define and undefine: the link and what --persist had kept are both as they were, or as asked for.
mv xen/demo.cfg first.cfg
cp first.cfg second.cfg
link=bed/domains.d/demo.cfg
defined() { echo "$(basename "$(readlink $link)") $(kept)"; }
first="first.cfg + $entry"
for verb in define undefine; do
    what=second.cfg
    [ $verb = define ] || what=demo
    bed_ctl define first.cfg >/dev/null
    printf '+ %s\n' $entry >bed/domains.d/demo.changes
    steps_of $verb $what
    asked=$(defined)
    for step in "${steps[@]}"; do
        bed_ctl define first.cfg >/dev/null
        printf '+ %s\n' $entry >bed/domains.d/demo.changes
        [ "$(defined)" = "$first" ] || fail "before $verb: $(defined)"
        killed_at "$step" $verb $what
        bed_ctl list >/dev/null 2>&1
        [[ $(defined) == "$first" || $(defined) == "$asked" ]] || fail "$verb killed at step $step: $(defined)"
        nothing_pending "$verb killed at step $step"
    done
done
[ "$asked" = ' ' ] || fail "undefine leaves $asked"
