# CHAP: with the right secret a unit is served, with a wrong one it is not; a target has to prove
# itself where the secrets say so. No secret is in the store, in a list, in the log.
tgt
truncate -s 16M disk
for tid in 1 2 3 4 5; do
    tgt_target $tid
    tgt_lun $tid 1 "$E2E_DIR/disk"
    tgt_open $tid
done
tgt_ctl --op new --mode account --user web --password right-secret-1
tgt_ctl --op new --mode account --user san --password right-secret-2
tgt_ctl --op bind --mode account --tid 1 --user web
for tid in 2 3 4 5; do
    tgt_ctl --op bind --mode account --tid $tid --user web
    tgt_ctl --op bind --mode account --tid $tid --user san --outgoing
done
secrets() { # LINE
    (umask 077 && echo "$1" >"$E2E_DIR/secrets")
}
mkdir bed
printf '[iscsi]\nsecrets = "%s"\ninitiator = "iqn.2026-11.test:dom0"\n' "$E2E_DIR/secrets" >bed/pvscsid.toml
unit() { echo "iscsi://$2@$TGT_PORTAL/$TGT_IQN:$1/1"; }
state_of() { rows "$1" state | cut -d' ' -f2; }
secrets 'web right-secret-1'
host --log-level debug
guest right "$(unit 1 web),0:0:0:0"
status_of as right sg_turs -n 2 "$(node 0)"
says '' as right sg_turs "$(node 0)"
uuid=$(xenstore-read "/local/domain/$(domid right)/vm" 2>/dev/null || true)
tgt_ctl --op show --mode target >shown
grep -q "Initiator: iqn.2026-11.test:dom0:" shown || fail "our name at the target: $(grep Initiator shown)"
[ -z "$uuid" ] || grep -q "Initiator: iqn.2026-11.test:dom0:${uuid##*/}" shown || fail "not the guest's: $uuid"
secrets 'web wrong-secret-1'
guest --start-anyway wrong "$(unit 2 web),0:0:0:0"
status_of as wrong true
rows wrong error | grep -qi 'authentication' || fail "wrong secret: $(rows wrong error)"
secrets 'web right-secret-1 san right-secret-2'
guest both "$(unit 4 web),0:0:0:0"
status_of as both sg_turs -n 2 "$(node 0)"
says '' as both sg_turs "$(node 0)"
secrets 'web right-secret-1 san wrong-secret-2'
guest --start-anyway impostor "$(unit 3 web),0:0:0:0"
status_of as impostor true
rows impostor error | grep -qi 'invalid CHAP_R\|authentication' || fail "a target without its secret: $(rows impostor error)"
chmod 644 secrets
guest --start-anyway open "$(unit 5 web),0:0:0:0"
status_of as open true
rows open error | grep -q 'mode 0600' || fail "a file that anybody may read: $(rows open error)"
xenstore-ls >store
bed_ctl list >list
for domain in right wrong both impostor open; do
    bed_ctl show "$domain" >>list 2>&1 || true
done
if grep -a 'right-secret\|wrong-secret' store list bed/*.log; then fail "a secret was told"; fi
