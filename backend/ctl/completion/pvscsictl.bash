# shellcheck shell=bash
# bash completion for pvscsictl. Verbs, options and what an argument is are what --help says, so
# that nothing here falls behind; domains and addresses are what `pvscsictl list` says.

# The lines of a section of --help: _pvscsictl_section HEADING, from standard input.
_pvscsictl_section() {
    sed -n "/^$1:\$/,/^\$/{/^  [^ ]/p}"
}

# Lines that the shell takes as they are: a guest's name may hold $(anything), which bash would run.
_pvscsictl_plain() { grep -E '^[A-Za-z0-9_.:+@-]+$'; }

# Values of a field of `list --json`, e.g. domain; with DOMAIN only of that one.
_pvscsictl_values() { # FIELD [DOMAIN]
    "$pvscsictl" "${host[@]}" list --json ${2:+"$2"} 2>/dev/null |
        sed -n "s/^ *\"$1\": \"\(.*\)\",*\$/\1/p" | _pvscsictl_plain | sort -u
}

_pvscsictl_domains() {
    _pvscsictl_values domain
    # Those that have no units yet.
    [ ${#host[@]} != 0 ] || [ -n "${PVSCSI_HOST:-}" ] || ! command -v xl >/dev/null ||
        xl list 2>/dev/null | awk 'NR > 1 && $2 != 0 { print $1 }' | _pvscsictl_plain
}

_pvscsictl_entry() {
    case $cur in
    file:* | iso:*)
        local kind=${cur%%:*}:
        mapfile -t COMPREPLY < <(compgen -f -P "$kind" -- "${cur#"$kind"}")
        compopt -o nospace
        ;;
    /*)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        compopt -o nospace
        ;;
    *)
        mapfile -t COMPREPLY < <(compgen -W '/dev/ file: iso: ram: null: iscsi:// fc.' -- "$cur")
        compopt -o nospace
        ;;
    esac
}

# The line of the N-th positional in --help, which is standard input; the last may be repeated.
_pvscsictl_positional() { # N
    _pvscsictl_section Positionals | sed -n "$1{p;q};\${/ \.\.\. /p}"
}

# The words that a line of --help names in braces: TEXT:{debug,info}.
_pvscsictl_choices() { # LINE
    local line=${1#*\{}
    mapfile -t COMPREPLY < <(compgen -W "$(tr ',' ' ' <<<"${line%%\}*}")" -- "$cur")
}

# What the argument may be that --help has this line of.
_pvscsictl_argument() { # LINE
    local line=${1#  }
    case ${line%% *} in
    DOMAIN) mapfile -t COMPREPLY < <(compgen -W "$(_pvscsictl_domains)" -- "$cur") ;;
    DOMAIN\|*) mapfile -t COMPREPLY < <(compgen -W "$(_pvscsictl_domains; _pvscsictl_values vdev)" -- "$cur") ;;
    VDEV | LUN)
        mapfile -t COMPREPLY < <(compgen -W "$(_pvscsictl_values vdev "${arguments[0]:-}")" -- "$cur")
        ;;
    ENTRY) _pvscsictl_entry ;;
    RULE) _pvscsictl_rule ;;
    FILE*) _filedir ;;
    *) [[ $line != *\{*\}* ]] || _pvscsictl_choices "$line" ;;
    esac
}

# The next part of a rule of inject.
_pvscsictl_rule() {
    local before=''
    [[ $cur != *,* ]] || before=${cur%,*},
    mapfile -t COMPREPLY < <(compgen -P "$before" -W 'opcode= service-action= lba= skip= count= probability=
        delay= drop sense= status= host= short= lost-abort' -- "${cur##*,}")
    compopt -o nospace
}

# What may follow the option $1, whose line of --help is on standard input; false if nothing does.
_pvscsictl_option_value() {
    local line
    line=$(grep -E "^  (-[a-zA-Z],)?$1 [^ ]" | head -n 1)
    [ -n "$line" ] || return 1
    case $1,$line in
    --host,* | *DIR*) _filedir -d ;;
    *\{*\}*) _pvscsictl_choices "$line" ;;
    *FILE*) _filedir ;;
    esac
    return 0
}

_pvscsictl() {
    local cur prev words cword
    _init_completion -n : || return
    local pvscsictl=${words[0]} verb='' host=() arguments=() i help names

    # The verb, and what stands after it that is no option.
    help=$("$pvscsictl" --help 2>/dev/null)
    for ((i = 1; i < cword; i++)); do
        case ${words[i]} in
        --host) host=(--host "${words[++i]}") ;;
        --host=*) host=("${words[i]}") ;;
        -*)
            grep -qE "^  (-[a-zA-Z],)?${words[i]} [^ ]" <<<"$help" && ((i++))
            ;;
        *)
            if [ -z "$verb" ]; then
                verb=${words[i]}
                help=$("$pvscsictl" "$verb" --help 2>/dev/null)
            else
                arguments+=("${words[i]}")
            fi
            ;;
        esac
    done

    if [[ $prev == -* ]] && { [ "$prev" = --host ] && _filedir -d || _pvscsictl_option_value "$prev" <<<"$help"; }; then
        :
    elif [[ $cur == -* ]]; then
        names=$(sed -n 's/^  \(-[-a-zA-Z,]*\).*/\1/p' <<<"$help" | tr ',' '\n')
        mapfile -t COMPREPLY < <(compgen -W "$names ${verb:+--host}" -- "$cur")
    elif [ -z "$verb" ]; then
        # Every heading but these is one of verbs.
        names=$(awk '/^[A-Z].*:$/ { verbs = !/^(Options|Positionals):/ }
            verbs && /^  [a-z]/ { print $1 }' <<<"$help")
        mapfile -t COMPREPLY < <(compgen -W "$names" -- "$cur")
    else
        _pvscsictl_argument "$(_pvscsictl_positional $((${#arguments[@]} + 1)) <<<"$help")"
    fi
    __ltrim_colon_completions "$cur"
}
complete -F _pvscsictl pvscsictl
