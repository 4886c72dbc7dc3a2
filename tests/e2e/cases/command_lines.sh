# Every program helps, tells its version, and refuses a wrong command line with a status of its own
# and a line that says what is wrong; where there is no host it says so.
programs=(pvscsid pvscsi-hostd pvscsictl pvscsi-run pvscsi-bench)
PATH=$BUILD/frontend/bench:$PATH
unset PVSCSI_HOST
for program in "${programs[@]}"; do
    says "Usage: .*$program|$program \[" "$program" --help
    says '^[0-9]+\.[0-9]+\.[0-9]+$' "$program" --version
    wrong=2
    [ "$program" != pvscsi-run ] || wrong=125
    for argument in --nonsense --host; do
        refused 'required|not expected|unknown option' "$program" "$argument"
        [ "$STATUS" = $wrong ] || fail "'$program $argument' ended with $STATUS, not $wrong"
    done
done
refused 'foo not in \{adaptive,event,poll\}' pvscsid --wait foo
refused 'foo not in \{debug,error,info,warning\}' pvscsid --log-level foo
refused 'foo not in \{debug,error,info,warning\}' pvscsi-hostd --dir x --log-level foo
refused "convert: --ready-fd = x" pvscsid --ready-fd x
refused "convert: --ready-fd = x" pvscsi-hostd --dir x --ready-fd x
refused 'foo not in .*randread' pvscsi-bench d 0:0:0:0 --rw foo
refused "'0:0:0' is not an address H:C:T:L" pvscsi-bench d 0:0:0

nowhere=$E2E_DIR/nowhere
for command in 'pvscsid' 'pvscsictl list' 'pvscsi-run d true' 'pvscsi-bench d 0:0:0:0'; do
    # shellcheck disable=SC2086
    set -- $command
    export PVSCSI_HOST=$nowhere
    refused "cannot connect to $nowhere/.*no pvscsi-hostd serves that directory" "$@"
    unset PVSCSI_HOST
    [ -e /dev/xen ] || refused 'pvscsi-hostd --dir DIR' "$@"
done
[ ! -e "$nowhere" ] || fail "something was made where no host is"
refused "cannot make the directory $nowhere/a" timeout 10 pvscsi-hostd --dir "$nowhere/a"
long=$E2E_DIR/$(printf '%0120d' 1)
refused "$long.*name too long" pvscsi-hostd --dir "$long"
[ "$(wc -l <<<"$OUTPUT")" = 1 ] || fail "more than one line about a path that is too long"
