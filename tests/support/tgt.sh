# shellcheck shell=bash
# Debian's tgt, an iSCSI target in user space, on loopback and a port of its own.
#
#   tgt_start DIR           starts it; TGT_PORTAL is HOST:PORT, TGT_PID the process, DIR/tgtd.log what it says
#   tgt_restart             the same portal and units again, after tgt_kill
#   tgt_kill                ends it at once (it waits for its initiators else)
#   tgt_target TID          makes target $TGT_IQN:TID, open to all
#   tgt_lun TID LUN FILE [TYPE]   TYPE: disk, tape, cd, changer
#   tgt_url TID LUN         iscsi://...
#
# What is made is noted, and made again by tgt_restart. Trap: READ BLOCK LIMITS without a buffer ends
# tgtd.

TGT_IQN=iqn.2026-11.test
TGT_PID=
TGT_MADE=()

tgt_ctl() { tgtadm -C "$TGT_CONTROL" --lld iscsi "$@"; }

tgt_run() {
    tgtd -f -C "$TGT_CONTROL" --iscsi "portal=$TGT_PORTAL" >>"$TGT_DIR/tgtd.log" 2>&1 </dev/null &
    TGT_PID=$!
    local end=$((SECONDS + 20))
    until tgt_ctl --op show --mode target >/dev/null 2>&1; do
        kill -0 "$TGT_PID" 2>/dev/null && [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.05
    done
}

tgt_start() {
    TGT_DIR=$1
    TGT_MADE=()
    # Others on this machine may run one, too.
    local try
    for try in 1 2 3 4 5 6 7 8; do
        TGT_CONTROL=$((RANDOM % 30000 + 1000 + try))
        TGT_PORTAL=127.0.0.1:$((TGT_CONTROL + 20000))
        # A portal that it can't have it only complains of.
        if tgt_run && (: >"/dev/tcp/127.0.0.1/${TGT_PORTAL#*:}") 2>/dev/null &&
            ! grep -q 'failed to bind\|Address already in use' "$TGT_DIR/tgtd.log"; then
            return 0
        fi
        tgt_kill
        : >"$TGT_DIR/tgtd.log"
    done
    return 1
}

tgt_kill() {
    [ -n "$TGT_PID" ] || return 0
    kill -CONT "$TGT_PID" 2>/dev/null || true
    kill -KILL "$TGT_PID" 2>/dev/null || true
    wait "$TGT_PID" 2>/dev/null || true
    TGT_PID=
    rm -f "/var/run/tgtd/socket.$TGT_CONTROL" "/var/run/tgtd/socket.$TGT_CONTROL.lock"
}

tgt_made() { # COMMAND...: now, and after each restart
    TGT_MADE+=("$(printf '%q ' "$@")")
    "$@"
}
tgt_restart() {
    local made
    tgt_run || return 1
    for made in "${TGT_MADE[@]}"; do
        eval "$made" || return 1
    done
}

# Open last of all: who logs in finds the units.
tgt_open() { tgt_ctl --op bind --mode target --tid "$1" -I ALL; }
tgt_target() { tgt_made tgt_ctl --op new --mode target --tid "$1" -T "$TGT_IQN:$1"; }
tgt_lun() {
    tgt_made tgt_ctl --op new --mode logicalunit --tid "$1" --lun "$2" -b "$3" --device-type "${4:-disk}"
}
tgt_url() { echo "iscsi://$TGT_PORTAL/$TGT_IQN:$1/$2"; }
