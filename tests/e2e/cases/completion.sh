# Completion of commands in bash and zsh: every verb and option that --help names, domains and
# addresses that there are, choices of options, files, and what pvscsi-run runs.
[ -r /usr/share/bash-completion/bash_completion ] || skip "bash-completion is not here"
host
guest demo 'ram:1M,0:0:0:0' 'ram:1M,1:0:2:0'
guest other 'ram:1M,0:0:7:0'
mkdir folder
touch folder/one.cfg

# in_bash FILE FUNCTION WORD...: what the last word may become, one a line, sorted.
in_bash() {
    bash -c 'COMP_WORDBREAKS=$'\'' \t\n"><=;|&(:'\''
        . /usr/share/bash-completion/bash_completion
        . "$1"
        function=$2; shift 2
        # As readline splits them: a colon is a word of its own.
        for word; do
            while [[ $word == *:* && $word != : ]]; do
                [ -z "${word%%:*}" ] || COMP_WORDS+=("${word%%:*}")
                COMP_WORDS+=(:); word=${word#*:}
                [ -n "$word" ] || continue 2
            done
            COMP_WORDS+=("$word")
        done
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9
        [[ "${COMP_WORDS[COMP_CWORD]}" != : || "${!#}" == : ]] || { COMP_WORDS+=(""); ((++COMP_CWORD)); }
        compopt() { :; }
        "$function" 2>&1
        printf "%s\n" "${COMPREPLY[@]}"' bash "$E2E_PROJECT/$1" "${@:2}" | sort
}
# The same in zsh, whose own functions say here what they are asked to offer.
in_zsh() { # WORD...
    zsh -f -c 'file=$1; shift
        _call_program() { shift; eval "$@"; }
        _wanted() { shift 3; "$@"; }
        compadd() { [[ $1 == -a ]] && { print -l -- ${(P)2}; return; }; print -l -- ${@[(i)--]+${@[(i)--]}}; }
        _describe() { print -l -- ${(P)@[-1]}; }
        _files() { print files$1; }
        _message() { print message: $*; }
        compset() { [[ $PREFIX == (file|iso):* ]]; }
        words=("$@") CURRENT=$# PREFIX=$argv[-1] service=$1
        . $file' zsh "$E2E_PROJECT/backend/ctl/completion/_pvscsictl" "$@" | cut -d: -f1-4 | sort
}
words() { tr ' ' '\n' <<<"$1" | sed '/^$/d' | sort; }
# offers WHAT COMMAND...: all that it offers is these words.
offers() {
    local wanted got
    wanted=$(words "$1")
    got=$("${@:2}")
    [ "$got" = "$wanted" ] || fail "'${*:2}' offers:"$'\n'"$got"$'\n'"and not:"$'\n'"$wanted"
}
ctl() { in_bash backend/ctl/completion/pvscsictl.bash _pvscsictl pvscsictl "$@"; }
run() { in_bash frontend/run/completion/pvscsi-run.bash _pvscsi_run pvscsi-run "$@"; }

verbs=$(pvscsictl --help | awk '/^[A-Z].*:$/ { on = !/^(Options|Positionals):/ } on && /^  [a-z]/ { print $1 }' | xargs)
[ "$(wc -w <<<"$verbs")" -ge 8 ] || fail "only these verbs: $verbs"
offers "$verbs" ctl ''
offers "$(words "$verbs" | grep '^de' | tr '\n' ' ')" ctl de
offers '--help --host --version' ctl --
offers '--force' ctl detach --f
offers 'demo other' ctl attach ''
offers 'demo' ctl detach --timeout 3 d
offers '0:0:0:0 1:0:2:0' ctl detach demo ''
offers '0:2:0' ctl detach demo 1:
offers 'debug error info warning' ctl log-level ''
offers 'warning' ctl log-level w
offers 'folder/one.cfg' ctl create folder/o
offers "$E2E_DIR/folder/one.cfg" ctl attach demo "$E2E_DIR/folder/o"
offers "$E2E_DIR/folder/one.cfg" ctl attach demo "file:$E2E_DIR/folder/o"
offers "$E2E_DIR/folder/one.cfg" ctl attach demo ram:1M,0:0:1:0 "$E2E_DIR/folder/o"
offers '' ctl detach demo 0:0:0:0 ''
offers 'demo other' ctl trace ''
offers '0:0:0:0 1:0:2:0' ctl inject demo ''
offers 'service-action= sense= short= skip= status=' ctl inject demo 0:0:0:0 s
offers 'folder' ctl --host f
unset PVSCSI_HOST
offers 'demo other' ctl --host "$BED_DIR" destroy ''
offers 'demo other' ctl --host="$BED_DIR" destroy ''
export PVSCSI_HOST=$BED_DIR

offers 'demo other' run ''
# Names that would be run are not offered, and not run: on Xen anything may be one.
mkdir fake
cat >fake/pvscsictl <<FAKE
#!/bin/bash
[[ " \$* " != *" list "* ]] || { printf '  "domain": "x\$(touch ran)",\n  "domain": "plain",\n'; exit; }
exec "$(command -v pvscsictl)" "\$@"
FAKE
chmod +x fake/pvscsictl
PATH=$E2E_DIR/fake:$PATH offers 'plain' ctl attach ''
PATH=$E2E_DIR/fake:$PATH offers 'plain' run ''
[ ! -e ran ] || fail "a domain's name was run as a command"
offers 'demo' run --timeout 5 d
offers '--timeout' run --t
offers 'folder/one.cfg' run demo -- cat folder/o
run demo -- sg_in | grep -qx sg_inq || fail "pvscsi-run does not complete commands: $(run demo -- sg_in)"

command -v zsh >/dev/null || skip "zsh is not here"
for file in backend/ctl/completion/_pvscsictl frontend/run/completion/_pvscsi-run; do
    zsh -n "$E2E_PROJECT/$file"
done
[ "$(in_zsh pvscsictl '' | cut -d: -f1)" = "$(words "$verbs")" ] ||
    fail "zsh offers as verbs: $(in_zsh pvscsictl '')"
offers 'demo other' in_zsh pvscsictl attach ''
offers '0:0:0:0 1:0:2:0' in_zsh pvscsictl detach --force demo ''
[ "$(in_zsh pvscsictl attach demo ram:1M,0:0:1:0 '')" = "$(in_zsh pvscsictl attach demo '')" ] ||
    fail "zsh offers nothing for a second entry: $(in_zsh pvscsictl attach demo ram:1M,0:0:1:0 '')"
[ "$(in_zsh pvscsictl detach demo 0:0:0:0 '')" = 'message: nothing more' ] || fail "zsh offers a second address"
in_zsh pvscsictl detach -- | grep -q '^--force:' || fail "zsh offers no --force: $(in_zsh pvscsictl detach --)"
offers 'debug error info warning' in_zsh pvscsictl log-level ''
offers 'files' in_zsh pvscsictl create ''
offers 'files-/' in_zsh pvscsictl --host ''
