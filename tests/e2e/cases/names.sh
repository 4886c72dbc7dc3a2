# Names as they were written: UTF-8 goes to files and to terminals that take it as it is, to others in ASCII;
# what could be taken for something else is escaped everywhere.
host
said_at() { # LOCALE COMMAND: what a terminal with that locale shows
    TERM=linux LC_ALL=$1 script -qec "$2" said </dev/null >/dev/null 2>&1 || true
    cat said
}
says_at() { # LOCALE TEXT COMMAND
    said_at "$1" "$3" | grep -aqF -- "$2" || fail "$3, at $1: $(cat -v said)"
}
folder=$E2E_DIR/größe
mkdir "$folder"
disk "$folder/a.img" 4M
config näme "file:$folder/a.img,0:0:0:0"
refused 'cannot create the domain näme: a name has letters' bed_ctl create näme.cfg # of the embedded host's
LC_ALL=C refused 'cannot create the domain näme: a name has' bed_ctl create näme.cfg
says_at C.UTF-8 'cannot create the domain näme:' "pvscsictl create näme.cfg"
says_at C 'cannot create the domain n\xc3\xa4me:' "pvscsictl create näme.cfg"
config demo "file:$folder/a.img,0:0:0:0"
bed_ctl create demo.cfg
says "größe/a.img" bed_ctl list
LC_ALL=C says "größe/a.img" bed_ctl list --plain
says_at C.UTF-8 'größe/a.img' "pvscsictl list"
says_at C 'gr\xc3\xb6\xc3\x9fe/a.img' "pvscsictl list"
LC_ALL=C bed_ctl list --json | python3 -c 'import json, sys
assert "größe/a.img" in json.load(open(0, encoding="utf-8"))[0]["pdev"]' || fail "--json is not UTF-8"

# Right to left: "gpj.exe" would be seen as "exe.jpg".
turned=$'a\xe2\x80\xaegpj.img'
disk "$turned" 4M
config turned "file:$E2E_DIR/$turned,0:0:0:0"
bed_ctl create turned.cfg
says 'a\\xe2\\x80\\xaegpj.img' bed_ctl list turned
refused "no domain 'a\\\\xe2\\\\x80\\\\xaeb'" bed_ctl list $'a\xe2\x80\xaeb'
config $'a\xe2\x80\xaeb' ram:1M,0:0:0:0
refused "cannot be a domain's; expected UTF-8" bed_ctl check --syntax $'a\xe2\x80\xaeb.cfg'
