#!/usr/bin/env python3
"""The checker itself: a right store passes, and each kind of mistake is found."""
import importlib.util
import pathlib
import re
import sys
import unittest

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "xenstore-schemas"
SPEC = importlib.util.spec_from_file_location("check_schemas", FOLDER / "check_schemas.py")
checker = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(checker)

B = "/local/domain/0/backend/vscsi/5/0"
F = "/local/domain/5/device/vscsi/0"
CONNECTED = f"""\
/local/domain/0/backend/vscsi = ""   (n0,r0)
{B} = ""   (n0,r5)
{B}/frontend = "{F}"   (n0,r5)
{B}/frontend-id = "5"   (n0,r5)
{B}/vm = "/vm/6f0a4fe2-0d3c-4c41-9d0a-c5e5a5b05b4d"   (n0,r5)
{B}/domain = "demo"   (n0,r5)
{B}/online = "1"   (n0,r5)
{B}/feature-host = "0"   (n0,r5)
{B}/next-dev = "2"   (n0,r5)
{B}/state = "4"   (n0,r5)
{B}/feature-sg-grant = "1024"   (n0,r5)
{B}/vscsi-devs = ""   (n0,r5)
{B}/vscsi-devs/dev-1 = ""   (n0,r5)
{B}/vscsi-devs/dev-1/p-dev = "file:/srv/a b"   (n0,r5)
{B}/vscsi-devs/dev-1/p-devname = "file:/srv/a b"   (n0,r5)
{B}/vscsi-devs/dev-1/target = "block"   (n0,r5)
{B}/vscsi-devs/dev-1/v-dev = "0:0:0:0"   (n0,r5)
{B}/vscsi-devs/dev-1/mode = "w"   (n0,r5)
{B}/vscsi-devs/dev-1/state = "4"   (n0,r5)
/local/domain/5/name = "demo"   (n0,r5)
/local/domain/5/domid = "5"   (n0,r5)
/local/domain/5/vm = "/vm/0f0e0d0c-0b0a-0908-0706-050403020100"   (n0,r5)
/local/domain/5/device = ""   (n0,r5)
/local/domain/5/device/vscsi = ""   (n0,r5)
{F} = ""   (n5,r0)
{F}/backend = "{B}"   (n5,r0)
{F}/backend-id = "0"   (n5,r0)
{F}/state = "4"   (n5,r0)
{F}/ring-ref = "8"   (n5,r0)
{F}/event-channel = "3"   (n5,r0)
"""


def mistakes(text, stage="connected", **options):
    return checker.check(checker.parse_store(text), stage, **options)


class Checker(unittest.TestCase):
    def test_schemas_are_well_formed(self):
        self.assertEqual(checker.schema_mistakes(), [])

    def test_a_right_store_passes(self):
        self.assertEqual(mistakes(CONNECTED, luns=["0:0:0:0"]), [])

    def test_a_driver_domain_serves(self):
        store = CONNECTED.replace("/local/domain/0/backend", "/local/domain/9/backend")
        store = store.replace("(n0,r5)", "(n9,r5)").replace("(n5,r0)", "(n5,r9)")
        for node in ("name", "domid", "vm", "device"):
            store = re.sub(rf"^(/local/domain/5/{node} = .*)\(n9,r5\)", r"\1(n0,r5)", store, flags=re.M)
        store = store.replace('backend-id = "0"', 'backend-id = "9"')
        record = "/local/domain/5/pvscsi/0"
        store += (f'{record} = ""   (n0)\n{record}/backend = "storage"   (n0)\n'
                  f'{record}/backend-id = "9"   (n0)\n'
                  f'{record}/dev-1 = "file:/srv/a b,0:0:0:0,storage"   (n0)\n')
        self.assertEqual(mistakes(store), [])
        self.assertEqual(len(mistakes(store.replace(f'{record}/backend-id = "9"',
                                                    f'{record}/backend-id = "8"'))), 1)
        self.assertEqual(len(mistakes(store.replace('0,storage"   (n0)', '0,storage"   (n9)'))), 1)

    def test_live_takes_the_stage_that_fits(self):
        self.assertEqual(mistakes(CONNECTED, "live"), [])
        wrong = CONNECTED.replace('/online = "1"', '/online = "x"')
        self.assertEqual(len(mistakes(wrong, "live")), 1)
        unbound = CONNECTED.replace(f'{B}/state = "4"', f'{B}/state = "2"').replace(f'{F}/state = "4"', f'{F}/state = "6"')
        self.assertEqual(mistakes(unbound, "live"), [])
        self.assertEqual(mistakes("", "live"), [])
        self.assertEqual(mistakes(CONNECTED, "live", domain="6"), [])
        wrong_in_both = CONNECTED.replace('mode = "w"', 'mode = "x"')
        for domain in ("0", "5"):  # who serves it, and who has it
            self.assertEqual(len(mistakes(wrong_in_both, "live", domain=domain)), 1)

    def test_live_knows_what_is_under_way(self):
        for back, front, lun in (("7", "4", "1"), ("7", "4", "3"), ("7", "4", "5"), ("8", "7", "4"), ("8", "8", "4"),
                                 ("5", "4", "4"), ("6", "4", "4"), ("2", "3", "3"), ("5", "5", "3")):
            store = CONNECTED.replace(f'{B}/state = "4"', f'{B}/state = "{back}"')
            store = store.replace(f'{F}/state = "4"', f'{F}/state = "{front}"')
            store = store.replace('dev-1/state = "4"', f'dev-1/state = "{lun}"')
            with self.subTest(f"{back} {front} {lun}"):
                self.assertEqual(mistakes(store, "live"), [])
                self.assertTrue(mistakes(store + f'{B}/x = "1"   (n0,r5)\n', "live"))
        self.assertTrue(mistakes(CONNECTED.replace(f'{B}/state = "4"', f'{B}/state = "9"'), "live"))

    def test_live_knows_a_driver_domain_that_has_ended(self):
        front = "".join(l for l in CONNECTED.splitlines(True) if not l.startswith(B) and "backend/vscsi =" not in l)
        front = front.replace(f'"{B}"', '"/local/domain/9/backend/vscsi/5/0"').replace('-id = "0"', '-id = "9"')
        record = "/local/domain/5/pvscsi/0"
        kept = (f'{record} = ""   (n0)\n{record}/backend = "storage"   (n0)\n{record}/backend-id = "9"   (n0)\n'
                f'{record}/dev-1 = "file:/srv/a b,0:0:0:0,storage"   (n0)\n')
        for permissions in ("(n5,r9)", "(n5)"):
            lost = front.replace("(n5,r0)", permissions) + kept
            self.assertEqual(mistakes(lost, "live"), [])
            self.assertTrue(mistakes(lost.replace(permissions, "(n5,r7)"), "live"))
            self.assertTrue(mistakes(lost.replace(kept, ""), "live"))
            # While it runs, its end is missed.
            self.assertTrue(mistakes(lost + '/local/domain/9/name = "storage"   (n0,r9)\n', "live"))

    def test_nodes_that_go_while_they_are_read_are_no_mistake(self):
        self.assertEqual(mistakes(CONNECTED + "/local/domain/0/memory:\n", "live"), [])

    def test_every_required_node_is_missed(self):
        optional = ("vscsi = ", "/local/domain/0/backend/vscsi =")
        for line in CONNECTED.splitlines(keepends=True):
            if any(text in line for text in optional) or f"{B}/vscsi-devs/dev-1 = " in line:
                continue
            with self.subTest(line):
                found = mistakes(CONNECTED.replace(line, ""))
                self.assertTrue(any(m.startswith(line.split(" = ")[0] + ": missing")
                                    for m in found), found)

    def test_wrong_values_are_found(self):
        for old, new, reason in (
                ('frontend = "/', 'frontend = "/x/', "expected '/local"),
                ('frontend-id = "5"', 'frontend-id = "6"', "expected '5'"),
                ('online = "1"', 'online = "2"', "expected one of ['0', '1']"),
                ('next-dev = "2"', 'next-dev = "02"', "expected a number from 0"),
                ('sg-grant = "1024"', 'sg-grant = "25"', "expected a number from 26"),
                ('sg-grant = "1024"', 'sg-grant = "70000"', "expected a number from 26 to 65535"),
                (f'{B}/state = "4"', f'{B}/state = "7"', "expected one of ['4'] at stage connected"),
                (f'{F}/state = "4"', f'{F}/state = "x"', "expected one of ['4']"),
                ('dev-1/state = "4"', 'dev-1/state = "1"', "expected one of ['4', '6']"),
                ('v-dev = "0:0:0:0"', 'v-dev = "1:0:0:0"', "expected /0:"),
                ('p-dev = "file:/srv', 'p-dev = "srv', "expected /("),
                ('mode = "w"', 'mode = "rw"', "expected one of ['w', 'r']"),
                ('ring-ref = "8"', 'ring-ref = "-8"', "expected a number"),
                ('event-channel = "3"', 'event-channel = "0"', "expected a number from 1"),
                (f'{B} = ""', f'{B} = "x"', "a directory with a value"),
                ('vm = "/vm/0f', 'vm = "0f', "expected /")):
            with self.subTest(new):
                text = CONNECTED.replace(old, new)
                self.assertNotEqual(text, CONNECTED)
                found = mistakes(text)
                self.assertEqual(len(found), 1, found)
                self.assertIn(reason, found[0])

    def test_wrong_permissions_are_found(self):
        for line in CONNECTED.splitlines():
            if line.split(" = ")[0].endswith("/vscsi"):
                continue
            with self.subTest(line):
                found = mistakes(CONNECTED.replace(line, line[:line.rindex("(")] + "(b0)"))
                self.assertEqual(len(found), 1, found)
                self.assertIn("permissions ['b0'], expected", found[0])

    def test_nodes_that_should_not_be_there_are_found(self):
        for extra in (f"{B}/hotplug-status", f"{B}/vscsi-devs/dev-1/secret", f"{F}/feature-x",
                      f"{B}/error", f"{F}/vscsi-devs/dev-9/state"):
            with self.subTest(extra):
                found = mistakes(CONNECTED + f'{extra} = "1"   (n0,r5)\n')
                self.assertTrue(any("no schema knows this node" in m for m in found), found)

    def test_stages_differ(self):
        self.assertIn(f"{B}/feature-sg-grant: no schema knows this node, or not at stage created",
                      mistakes(CONNECTED, "created"))
        self.assertTrue(mistakes(CONNECTED, "closed"))

    def test_luns_are_compared(self):
        self.assertIn("expected ['0:0:0:0', '0:0:1:0']",
                      mistakes(CONNECTED, luns=["0:0:0:0", "0:0:1:0"])[0])

    def test_an_end_alone_is_found(self):
        back_only = "".join(l for l in CONNECTED.splitlines(True) if not l.startswith(F))
        front_only = "".join(l for l in CONNECTED.splitlines(True) if not l.startswith(B))
        self.assertTrue(mistakes(back_only))
        self.assertTrue(mistakes(front_only))
        self.assertEqual(mistakes(""), ["there is no vhost"])

    def test_leftovers_of_a_destroyed_domain_are_found(self):
        self.assertTrue(mistakes(CONNECTED, "destroyed"))
        self.assertEqual(mistakes('/local/domain/0/backend/vscsi = ""   (n0,r0)\n', "destroyed"), [])

    def test_another_domain_can_be_left_out(self):
        self.assertEqual(mistakes(CONNECTED, "destroyed", domain="6"), [])

    def test_what_is_not_of_xenstore_ls_is_refused(self):
        with self.assertRaises(ValueError):
            checker.parse_store("nonsense")


if __name__ == "__main__":
    sys.exit(unittest.main())
