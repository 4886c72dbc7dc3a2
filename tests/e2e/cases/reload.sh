# SIGHUP: settings and domains' files are read again; a broken file changes nothing and is named.
disk disk.img 4M
mkdir images elsewhere xen
truncate -s 1M images/a.img elsewhere/b.img
BED_DIR=$E2E_DIR/bed
mkdir "$BED_DIR"
toml=$BED_DIR/pvscsid.toml
log=$BED_DIR/pvscsid.log
settings() { printf '%s\n' "$@" >"$toml"; }
reload() { # TEXT: what the log has to say, once more than before
    local before
    before=$(grep -acF -- "$1" "$log" || true)
    kill -HUP "$BED_DAEMON"
    # shellcheck disable=SC2016 # the inner shell's
    until_true 10 bash -c '[ "$(grep -acF -- "$1" "$2")" -gt "$3" ]' - "$1" "$log" "$before" ||
        fail "the log does not say '$1'"
}
settings '[allow]' "folders = [ \"$E2E_DIR/images\" ]"
host
guest demo "file:$E2E_DIR/images/a.img,0:0:0:0"
says 'PVSCSI' as demo sg_inq "$(node 0)"
not_allowed() { refused 'is not in folders of \[allow\]' bed_ctl attach demo "file:$E2E_DIR/elsewhere/b.img,0:0:0:1"; }
not_allowed

# Broken: the old list goes on, and the log has file and line.
settings '[allow]' "folders = [ \"$E2E_DIR\" ]" '[daemon' 'threads = 1'
reload "$toml:3: "
not_allowed
settings '[allow]' '' "folders = \"$E2E_DIR\""
reload "$toml:3: folders is not usable; expected a list of absolute paths"
not_allowed
settings "folders = [ \"$E2E_DIR\" ]"
reload "$toml:1: \"folders\" is not known"
not_allowed
rm "$toml"
mkfifo "$toml"
reload "$toml: cannot be read: not a regular file"
rm "$toml"
truncate -s 2M "$toml"
reload "$toml: cannot be read: larger than 1048576 bytes"
rm "$toml"
ln -s /dev/zero "$toml"
reload "$toml: cannot be read: not a regular file"
[ "$(grep -acF 'settings stay as they were' "$log")" = 6 ] || fail "not every broken file is told"
not_allowed
says 'PVSCSI' as demo sg_inq "$(node 0)"

# Mended: taken at once, what was connected is not disturbed.
rm "$toml"
settings '[allow]' "folders = [ \"$E2E_DIR\" ]" '[domains]' "files = [ \"$E2E_DIR/xen/*.cfg\" ]"
reload 'settings read again'
says 'attached' bed_ctl attach demo "file:$E2E_DIR/elsewhere/b.img,0:0:0:1" --no-wait
says 'PVSCSI' as demo sg_inq "$(node 0)"

# Two files for one domain: nothing is given, and it is said which; when one is gone, it is.
config late 'ram:1M,0:0:0:0'
sed '/vscsi/,$d' late.cfg >xen/copy.cfg
config bare
sed -i 's/name = .*/name = "late"/' bare.cfg
mv late.cfg xen/
bed_ctl create bare.cfg 2>/dev/null
until_true 10 grep -qF "$E2E_DIR/xen/copy.cfg and $E2E_DIR/xen/late.cfg name one domain, 'late'" "$log" ||
    fail "two definitions are not told"
[ "$(bed_ctl list late --json)" = '[]' ] || fail "one of two files was taken"
rm xen/copy.cfg
kill -HUP "$BED_DAEMON"
has_lun() { [ "$(bed_ctl list late --json | grep -c '"vdev"')" = 1 ]; }
until_true 10 has_lun || fail "the one file that is left is not taken"
