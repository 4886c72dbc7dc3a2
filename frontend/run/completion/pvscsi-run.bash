# shellcheck shell=bash
# bash completion for pvscsi-run: options as --help says, domains as `pvscsictl list` says, then
# the command as if it stood alone.
_pvscsi_run() {
    local cur prev words cword
    _init_completion -n : || return
    local run=${words[0]} host=() domain='' i help names
    help=$("$run" --help 2>/dev/null)
    for ((i = 1; i < cword; i++)); do
        case ${words[i]} in
        --host) host=(--host "${words[++i]}") ;;
        --host=*) host=("${words[i]}") ;;
        --) ;;
        -*) grep -qE "^  (-[a-zA-Z],)?${words[i]%%=*} [^ ]" <<<"$help" && [[ ${words[i]} != *=* ]] && ((i++)) ;;
        *)
            if [ -n "$domain" ]; then
                _command_offset "$i"
                return
            fi
            domain=${words[i]}
            ;;
        esac
    done

    if [ "$prev" = --host ]; then
        _filedir -d
    elif [[ $prev == --timeout || $prev == --patience ]]; then
        :
    elif [ -n "$domain" ] && [[ $cur != -* ]]; then
        _command_offset "$cword"
        return
    elif [[ $cur == -* ]]; then
        names=$(sed -n 's/^  \(-[-a-zA-Z,]*\).*/\1/p' <<<"$help" | tr ',' '\n')
        mapfile -t COMPREPLY < <(compgen -W "$names" -- "$cur")
    else
        # What the shell takes as it is: a name may hold $(anything), which bash would run.
        names=$(pvscsictl "${host[@]}" list --json 2>/dev/null |
            sed -n 's/^ *"domain": "\([A-Za-z0-9_.:+@-]*\)",*$/\1/p' | sort -u)
        mapfile -t COMPREPLY < <(compgen -W "$names" -- "$cur")
    fi
    __ltrim_colon_completions "$cur"
}
complete -F _pvscsi_run pvscsi-run
