# shellcheck shell=bash  # sourced by run.sh, which has check, says and the bed
# Verbs that show and wait, and those of xm. demo has 0:0:0:0 and 0:0:1:0; the guest is connected.

check wait-connected says 0 '' pvscsictl wait demo
check wait-for-none says 5 'there is no 9:0:0:0' pvscsictl wait --timeout 0.2 demo 9:0:0:0
check wait-gone says 0 '' pvscsictl wait --gone demo 9:0:0:0
check wait-not-gone says 5 '0:0:0:0 is connected' pvscsictl wait --gone --timeout 0.2 demo 0:0:0:0
check show-counts says 0 'commands have ended' pvscsictl show demo 0:0:0:0
check show-both-ends says 0 'the guest is at connected, the backend is at connected' pvscsictl show demo
check show-nobody says 4 "there is no domain 'nobody'" pvscsictl show nobody
check scsi-attach says 0 'attached' pvscsictl scsi-attach demo ram:1M 0:0:5:0,ro Domain-0
check scsi-attach-options says 0 'ram, read only' pvscsictl show demo 0:0:5:0
check scsi-list says 0 '0   0   4     0     ram:1M     -     0:0:5:0    4' pvscsictl scsi-list demo
check scsi-detach says 0 'detached' pvscsictl scsi-detach demo 0:0:5:0
check list-plain says 0 "$(printf 'connected\t-\trw\t-\t-\t-\t-\tDomain-0\t0')" pvscsictl list --plain demo
check list-one-form says 2 'excludes' pvscsictl list --plain --json
check devices says 0 'DEVICE' pvscsictl devices
devices_follow_schema() {
    pvscsictl devices --json | python3 -c '
import json, sys
from jsonschema import validate
validate(json.load(sys.stdin), json.load(open("backend/ctl/devices.schema.json")))'
}
check devices-follow-their-schema devices_follow_schema
check_follows_schema() {
    pvscsictl check --json ram:1M,0:0:0:0 | python3 -c '
import json, sys
from jsonschema import validate
found = json.load(sys.stdin)
validate(found, json.load(open("backend/ctl/check.schema.json")))
assert found["right"] and found["entries"][0]["size"] == 1 << 20'
}
check check-follows-its-schema check_follows_schema
check check-tells-what-it-is says 0 '0:0:0:0: disk of 1.0 MB, emulated (ram)' pvscsictl check ram:1M,0:0:0:0
check check-refuses-too-much-memory says 1 "does not fit into the host's memory" pvscsictl check ram:1000T,0:0:0:0
check scsi-list-long says 0 'ram' pvscsictl scsi-list --long demo
check devices-without-host says 0 'DEVICE' env -u PVSCSI_HOST pvscsictl devices
