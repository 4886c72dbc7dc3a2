#!/usr/bin/env python3
"""Checks a xenstore against the schemas in this folder.

    check_schemas.py STAGE [--domain N] [--luns H:C:T:L,...] [--input FILE]
    check_schemas.py live [--domain N]
    check_schemas.py --schemas-only

Reads the store with `xenstore-ls -fp` (XENSTORED_PATH names the embedded host's socket), or what
that printed from FILE ("-": standard input). Every vhost of every domain, or of domain N, which has
it or serves it, must be as it should be at STAGE (stages.json), and nothing else may be there; "live":
at the stage that it comes nearest to, each vhost for itself; a store changes while it is read, so that
what is wrong then is looked at again. --luns: exactly these LUNs are configured. Exit status: 0 all is well, 1 something is not (one line each), 2 wrong usage.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import time

FOLDER = pathlib.Path(__file__).resolve().parent
FILES = ("backend.json", "frontend.json", "domain.json")
LIVE = "live"
LOST = "lost"
LOOKS, PAUSE = 4, 0.25  # of a live store, seconds between them
GONE = re.compile(r"^/.*?:(?:\s|$)")  # while it was read
LINE = re.compile(r'^(/.*?) = "(.*)"\s+\(([nrwb]\d+(?:,[nrwb]\d+)*)\)$')
VHOST = re.compile(r"/local/domain/(\d+)/backend/vscsi/(\d+)/(\d+)(?:/|$)")
FRONT = re.compile(r"/local/domain/(\d+)/device/vscsi/(\d+)(?:/|$)")
BACKEND_ID = "/local/domain/{guest}/device/vscsi/{device}/backend-id"


def load(name):
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def load_stages():
    return load("stages.json")["stages"]


def schema_mistakes():
    """What is wrong with the schema files themselves."""
    import jsonschema  # only here: checking a store needs nothing but Python

    mistakes = []
    validator = jsonschema.Draft202012Validator(load("node.schema.json"))
    stages = set(load_stages())
    for name in FILES:
        document = load(name)
        mistakes += [f"{name}: {error.message}" for error in validator.iter_errors(document)]
        for node in document["nodes"]:
            named = {*node.get("required", ()), *node.get("optional", ()), *node.get("at", {})}
            mistakes += [f"{name}: {node['path']}: no such stage '{s}'" for s in named - stages]
    return mistakes


def parse_store(text):
    """{path: (value, [permissions])} from what xenstore-ls -fp prints."""
    store = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = LINE.match(line)
        if not match and GONE.match(line):
            continue
        if not match:
            raise ValueError(f"line {number} is not of xenstore-ls -fp: {line}")
        store[match[1]] = (match[2], match[3].split(","))
    return store


def find_vhosts(store, domain):
    """The (backend, guest, device) that either end knows."""
    found = set()
    for path, _ in store.items():
        if match := VHOST.match(path):
            found.add(match.groups())
        elif match := FRONT.match(path):
            guest, device = match.groups()
            backend = store.get(BACKEND_ID.format(guest=guest, device=device), ("0", []))[0]
            found.add((backend, guest, device))
    return {vhost for vhost in found if domain is None or domain in vhost[:2]}


def fill(template, names):
    """Puts numbers in the place of {names}; other braces stay."""
    return re.sub(r"\{(\w+)\}", lambda m: names.get(m[1], m[0]), template)


def path_pattern(template, names):
    text = re.escape(fill(template, names)).replace(r"\{lun\}", r"(?P<lun>\d+)")
    return re.compile(text.replace(r"\{guest\}", r"\d+") + "$")


def value_mistake(node, value, names, stage):
    """Why the value is wrong, or None."""
    kind = node["type"]
    if kind == "directory":
        return None if value == "" else "a directory with a value"
    if kind == "exact":
        wanted = fill(node["value"], names)
        return None if value == wanted else f"expected '{wanted}'"
    if kind == "enum":
        return None if value in node["values"] else f"expected one of {node['values']}"
    if kind == "state":
        wanted = node["at"].get(stage, [])
        return None if value in wanted else f"expected one of {wanted} at stage {stage}"
    if kind == "integer":
        fits = re.fullmatch(r"0|[1-9]\d*", value)
        fits = fits and node["minimum"] <= int(value) <= node["maximum"]
        return None if fits else f"expected a number from {node['minimum']} to {node['maximum']}"
    if kind == "pattern":
        pattern = node["pattern"].replace("{device}", names["device"])
        return None if re.fullmatch(pattern, value) else f"expected /{pattern}/"
    return None if 0 < len(value) <= node["maximum"] else "expected some text, not too long"


class Vhost:
    """Checks the nodes of one vhost, both ends, and of its domain."""

    def __init__(self, store, vhost, stage):
        self.store, self.stage = store, stage
        self.names = dict(zip(("backend", "guest", "device"), vhost))
        self.mistakes = []
        self.known = set()
        back = fill("/local/domain/{backend}/backend/vscsi/{guest}/{device}", self.names)
        pattern = re.compile(re.escape(back) + r"/vscsi-devs/dev-(\d+)$")
        record = fill("/local/domain/{guest}/pvscsi/{device}/dev-", self.names)
        recorded = re.compile(re.escape(record) + r"(\d+)$")
        self.luns = sorted({m[1] for m in map(pattern.match, store) if m} |
                           {m[1] for m in map(recorded.match, store) if m}, key=int)
        self.vdevs = {store.get(f"{back}/vscsi-devs/dev-{n}/v-dev", ("?", []))[0] for n in self.luns}
        self.front = fill("/local/domain/{guest}/device/vscsi/{device}", self.names)
        self.roots = (back, self.front)

    def check(self):
        for name in FILES:
            for node in load(name)["nodes"]:
                self.check_node(node)
        for path in self.store:
            inside = any(path == root or path.startswith(root + "/") for root in self.roots)
            if inside and path not in self.known:
                self.mistakes.append(f"{path}: no schema knows this node, or not at stage "
                                     f"{self.stage}")
        return self.mistakes

    def check_node(self, node):
        required = self.stage in node.get("required", ())
        if not required and self.stage not in node.get("optional", ()):
            return
        for names in self.instances(node["path"]):
            path = fill(node["path"], names)
            self.known.add(path)
            if path in self.store:
                self.check_present(node, path, names)
            elif required:
                self.mistakes.append(f"{path}: missing at stage {self.stage}")

    def instances(self, template):
        if "{lun}" not in template:
            return [self.names]
        return [{**self.names, "lun": lun} for lun in self.luns]

    def check_present(self, node, path, names):
        value, permissions = self.store[path]
        if mistake := value_mistake(node, value, names, self.stage):
            self.mistakes.append(f"{path}: '{value}': {mistake}")
        wanted = [fill(permission, names) for permission in node["permissions"]]
        if self.stage == LOST:  # nobody has them any more, and a store may forget them
            gone = {fill(permission, names) for permission in ("r{backend}", "n{backend}")}
            wanted, permissions = ([p for p in of if p not in gone] for of in (wanted, permissions))
        if permissions != wanted:
            self.mistakes.append(f"{path}: permissions {permissions}, expected {wanted}")


def left_over(store, domain):
    """What should be gone with a destroyed domain."""
    def of_domain(path):
        match = re.match(r"/local/domain/\d+/backend/vscsi/(\d+)", path) or \
            re.match(r"/local/domain/([1-9]\d*)", path)
        return match and (domain is None or match[1] == domain)
    return [f"{path}: left over" for path in store if of_domain(path)]


def check_live(store, domain):
    """The same of vhosts at any stage: what is wrong with each at the one it comes nearest to."""
    mistakes = []
    for vhost in sorted(find_vhosts(store, domain)):
        stages = [LOST]
        if f"/local/domain/{vhost[0]}/name" in store or vhost[0] == "0":
            stages = [stage for stage in load_stages() if stage not in (LOST, "destroyed")]
        mistakes += min((Vhost(store, vhost, stage).check() for stage in stages), key=len)
    return mistakes


def look_at_live(source, domain):
    """What is wrong each time that one looks, as of the last time."""
    store, mistakes = {}, []
    for look in range(1 if source else LOOKS):
        if look:
            time.sleep(PAUSE)
        store = read_store(source)
        mistakes = check_live(store, domain)
        if not mistakes:
            break
    if not find_vhosts(store, domain):
        whose = "" if domain is None else f" of domain {domain}, and none that it serves"
        print(f"there is no vhost{whose}")
    return mistakes


def check(store, stage, domain=None, luns=None):
    """All that is wrong with the store at this stage."""
    if stage == "destroyed":
        return left_over(store, domain)
    if stage == LIVE:
        return check_live(store, domain)
    vhosts = [Vhost(store, vhost, stage) for vhost in sorted(find_vhosts(store, domain))]
    mistakes = [] if vhosts else ["there is no vhost"]
    for vhost in vhosts:
        mistakes += vhost.check()
    if luns is not None:
        there = set().union(*(vhost.vdevs for vhost in vhosts))
        if there != set(luns):
            mistakes.append(f"LUNs {sorted(there)}, expected {sorted(luns)}")
    return mistakes


def read_store(source):
    if source == "-":
        return parse_store(sys.stdin.read())
    if source:
        return parse_store(pathlib.Path(source).read_text(encoding="utf-8"))
    done = subprocess.run(["xenstore-ls", "-fp"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"xenstore-ls failed: {done.stderr.strip()}")
    return parse_store(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("stage", nargs="?", choices=[*sorted(load_stages()), LIVE])
    parser.add_argument("--domain", help="only this domain's vhosts, by number")
    parser.add_argument("--luns", help="the LUNs that should be there, separated by commas")
    parser.add_argument("--input", help="what xenstore-ls -fp has printed")
    parser.add_argument("--schemas-only", action="store_true", help="check the schema files alone")
    options = parser.parse_args()
    if options.schemas_only:
        mistakes = schema_mistakes()
    elif options.stage == LIVE:
        mistakes = look_at_live(options.input, options.domain)
    elif options.stage:
        luns = options.luns.split(",") if options.luns else None
        mistakes = check(read_store(options.input), options.stage, options.domain, luns)
    else:
        parser.error("name a stage, or --schemas-only")
    print(*mistakes, sep="\n", end="\n" if mistakes else "")
    return 1 if mistakes else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ValueError as error:
        sys.exit(f"the store cannot be read: {error}")
