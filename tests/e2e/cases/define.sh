# pvscsictl define: a domain of any xl file gets its LUNs whenever it starts, until undefine; also
# after the daemon was restarted, and with what the file says by then.
host
has() { [ "$(bed_ctl list "$1" --json | grep -c '"vdev"')" = "$2" ]; }
start() { # NAME: as xl does, without vscsi=
    config "bare-$1"
    sed -i "s/name = .*/name = \"$1\"/" "bare-$1.cfg"
    bed_ctl create "bare-$1.cfg" 2>/dev/null
}
mkdir files
config demo 'ram:1M,0:0:0:0'
mv demo.cfg files/any.xl

# What is wrong is not defined.
refused 'nothing was changed' bed_ctl define files/none.xl
config bad 'ram:1M,0:0:0'
refused 'bad.cfg: vscsi: entry 1: .0:0:0.: VDEV has 3 of 4 numbers' bed_ctl define bad.cfg
config later '/dev/sg0,0:0:0:0,vport=auto'
refused 'this PDEV does not say which target port' bed_ctl define later.cfg
config empty
refused 'there is no vscsi= entry' bed_ctl define empty.cfg
config Domain-0 'ram:1M,0:0:0:0'
refused 'Domain-0 is this host' bed_ctl define Domain-0.cfg
refused "domain 'demo' was not defined" bed_ctl undefine demo
refused 'was not defined' bed_ctl undefine ../bed/x
[ ! -e "$BED_DIR/domains.d" ] || fail "something was defined"

# Nor what another file is about: the domain would get the LUNs of none.
mkdir known
cp files/any.xl known/copy.cfg
printf '[domains]\nfiles = [ "%s/known/*.cfg" ]\n' "$E2E_DIR" >"$BED_DIR/pvscsid.toml"
refused "known/copy.cfg and .*files/any.xl name one domain, 'demo'.*keep one" bed_ctl define files/any.xl
[ ! -e "$BED_DIR/domains.d/demo.cfg" ] || fail "one of two was defined"
says "demo. gets the LUNs of $E2E_DIR/known/copy.cfg" bed_ctl define known/copy.cfg
says '^1 entry is right' bed_ctl check known/copy.cfg
grep -q 'name one domain' <<<"$OUTPUT" && fail "one file is taken for two"
ln -s "$E2E_DIR/files/any.xl" "$BED_DIR/domains.d/any.cfg"
for file in files/any.xl known/copy.cfg; do
    says "domains.d/any.cfg and .*known/copy.cfg name one domain, 'demo': it gets no LUNs of either" bed_ctl check $file
done
bed_ctl create --no-wait files/any.xl 2>said
grep -q "domains.d/any.cfg and .*known/copy.cfg name one domain, 'demo'" said || fail "create: $(cat said)"
refused "any.cfg and .*copy.cfg name one domain, 'demo'" bed_ctl attach --persist demo ram:1M,0:0:0:7
bed_ctl destroy demo
rm -r known "$BED_DIR/pvscsid.toml" "$BED_DIR/domains.d"

says "domain 'demo' gets the LUNs of $E2E_DIR/files/any.xl" bed_ctl define files/any.xl
says "domain 'demo' gets" bed_ctl define files/any.xl
[ "$(find "$BED_DIR/domains.d" -mindepth 1 | wc -l)" = 1 ] || fail "more than one link"
start demo
until_true 10 has demo 1 || fail "not given: $(bed_ctl list)"
bed_ctl destroy demo

# The file has changed since; the daemon is another one.
config demo 'ram:1M,0:0:0:0' 'ram:1M,0:0:0:1'
mv demo.cfg files/any.xl
bed_daemon_stop
bed_daemon_start
start demo
until_true 10 has demo 2 || fail "not given after a restart: $(bed_ctl list)"
says 'not given LUNs by itself any more' bed_ctl undefine demo
has demo 2 || fail "taken away from a running domain"
bed_ctl destroy demo
start demo
sleep 0.5
has demo 0 || fail "given after undefine"

# What somebody else has put in that folder stays as it is.
own=$BED_DIR/domains.d/own.cfg
config own ram:1M,0:0:0:0
mv own.cfg "$own"
cp "$own" was
cp "$own" own.xl
for file in "$own" own.xl; do
    refused "$own is a file, and not a link of define's; the daemon goes by it as it is" bed_ctl define "$file"
    [ "$STATUS" = 3 ] || fail "status $STATUS"
    cmp "$own" was || fail "define $file has changed it"
done
refused "'own' was not defined" bed_ctl undefine own
start own
until_true 10 has own 1 || fail "a file of that folder does not count"
bed_ctl destroy own
rm "$own"
mkdir "$own"
refused "$own is no file, and not a link of define's" bed_ctl define own.xl
rmdir "$own"
find "$BED_DIR/domains.d" -name '.define*' | grep . && fail "something is left"

# A link that leads nowhere, or to a file that is not the domain's any more: said where one looks, and
# once in the log, however many domains start.
start other
bed_ctl destroy demo
says "gets the LUNs" bed_ctl define files/any.xl
mv files/any.xl files/moved.xl
broken="domains.d/demo.cfg: domain 'demo' gets no LUNs by it, as .*any.xl"
for verb in list "list demo" "show demo" "define files/moved.xl" "check files/moved.xl"; do
    [ "$verb" != "define files/moved.xl" ] || { config more ram:1M,0:0:0:0; verb="define more.cfg"; }
    status_of bed_ctl $verb
    [ "$(grep -c "warning: .*$broken: No such file.*pvscsictl undefine demo" <<<"$OUTPUT")" = 1 ] || fail "'$verb' does not say it"
done
bed_ctl list other 2>&1 | grep "demo" && fail "said of another domain"
bed_ctl list --json 2>/dev/null | python3 -m json.tool >/dev/null || fail "the warning is in the list"
start demo
until_true 10 grep -q "$broken: No such file" "$BED_DIR/pvscsid.log" || fail "not in the log"
bed_ctl destroy demo
sed 's/^name = .*/name = "another"/' files/moved.xl >files/any.xl
says "warning: .*$broken names domain 'another'" bed_ctl list
start demo
until_true 10 grep -q "$broken names domain 'another'" "$BED_DIR/pvscsid.log" || fail "another's name is not in the log"
for name in a b c; do start "$name"; done
until_true 10 store_is "/local/domain/$(number_of c)/name" c
sleep 0.3
for line in 'No such file' 'names domain'; do
    [ "$(grep -c "$broken.*$line" "$BED_DIR/pvscsid.log")" = 1 ] || fail "not once in the log: $(grep "$broken" "$BED_DIR/pvscsid.log")"
done
bed_ctl destroy demo
mv files/moved.xl files/any.xl
start demo
until_true 10 has demo 2 || fail "not given after the file was put back"
status_of bed_ctl list
grep warning <<<"$OUTPUT" && fail "said of what is right"
true
