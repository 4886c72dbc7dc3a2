#!/usr/bin/env python3
"""Checks who includes whom: a lower layer never includes a higher one, and the headers of Xen and of
the sg driver stay where they belong. Prints every violation; exit status 1 if there is any.

    layers.py [ROOT]
"""
import os
import re
import sys

# A folder (or a file) and what its files may include from the tree; the longest match counts.
LAYERS = {
    "common/base": ["common/base"],
    "common/scsi": ["common/base", "common/scsi"],
    "common/config": ["common/base", "common/config"],
    "ring": ["common/base", "ring"],
    "common/hypervisor": ["common/base", "common/hypervisor"],
    "common/hypervisor/xen": ["common/base", "common/hypervisor", "common/hypervisor/xen"],
    "common/hypervisor/host": ["common/base", "common/hypervisor", "common/hypervisor/host"],
    # Where an implementation is chosen: the one place that knows both.
    "common/hypervisor/open.cpp": ["common/base", "common/hypervisor", "common/hypervisor/xen",
                                   "common/hypervisor/host"],
    "common/xenbus": ["common/base", "common/hypervisor", "common/xenbus"],
    "backend": ["common/base", "common/scsi", "common/config", "common/hypervisor", "common/xenbus",
                "ring", "backend"],
    "frontend": ["common/base", "common/scsi", "common/config", "common/hypervisor",
                 "common/xenbus", "ring", "frontend", "frontend/include"],
    # Installed: it has to work without the rest of the tree.
    "frontend/include": ["frontend/include"],
    "tests": [""],
}

# Where `#include "pvscsi/..."` leads.
PUBLIC = ("pvscsi/", "frontend/include/pvscsi/")

# Headers of the system that only a few files may include.
RESTRICTED = [
    ("a Xen header", re.compile(r"^(xen/.*|xen[a-z]*\.h|xs\.h)$"),
     ["common/hypervisor/xen/", "common/hypervisor/xs_store.cpp", "ring/abi_xen.cpp",
      "tests/model/xen_peer.c", "tests/unit/xen/", "tests/unit/store_wire_test.cpp",
      "tests/contract/"]),
    ("xl's library", re.compile(r"^(libxl|xl)[a-z_]*\.h$"), ["backend/toolstack/"]),
    ("the sg driver's header", re.compile(r"^scsi/sg\.h$"),
     ["backend/targets/sg/", "backend/targets/sg_", "frontend/run/", "tests/"]),
]

INCLUDE = re.compile(r'^[ \t]*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)
SOURCE = (".cpp", ".hpp", ".c", ".h")


def layer_of(path):
    """The entry of LAYERS that a path belongs to, or None."""
    matches = [name for name in LAYERS if path == name or path.startswith(name + "/")]
    return max(matches, key=len, default=None)


def judge_own(path, header, root):
    """What is wrong with including a header of the tree, or None."""
    if header.startswith(PUBLIC[0]):
        header = PUBLIC[1] + header[len(PUBLIC[0]):]
    if not os.path.exists(os.path.join(root, header)):
        return "is not in the tree (quoted includes start at its root)"
    layer, target = layer_of(path), layer_of(header)
    allowed = LAYERS[layer]
    if "" in allowed or target in allowed:
        return None
    return f"is in {target}, which {layer} must not know"


def judge_system(path, header):
    for what, pattern, places in RESTRICTED:
        if pattern.match(header) and not any(path.startswith(place) for place in places):
            return f"is {what}, which belongs to {', '.join(places)} only"
    return None


def check_file(path, root):
    if layer_of(path) is None:
        return [f"{path}: belongs to no layer that tests/lint/layers.py knows"]
    with open(os.path.join(root, path), encoding="utf-8") as file:
        text = file.read()
    found = []
    for match in INCLUDE.finditer(text):
        own, system = match.groups()
        # A Xen header in quotes is still one.
        fault = judge_system(path, own or system) or (own and judge_own(path, own, root))
        if fault:
            line = text.count("\n", 0, match.start(0)) + 1
            found.append(f"{path}:{line}: {own or system} {fault}")
    return found


def sources(root):
    for folder, folders, files in os.walk(root):
        # Build directories have a file of meson's; hidden folders are not ours.
        folders[:] = sorted(name for name in folders if not name.startswith(".") and
                            not os.path.exists(os.path.join(folder, name, "build.ninja")))
        for name in sorted(files):
            if name.endswith(SOURCE):
                yield os.path.relpath(os.path.join(folder, name), root)


def check_tree(root):
    paths = list(sources(root))
    faults = [fault for path in paths for fault in check_file(path, root)]
    return paths, faults


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "../..")
    paths, faults = check_tree(root)
    for fault in faults:
        print(fault)
    if not paths:
        print(f"no sources below {root}")
        return 1
    print(f"{len(paths)} files, {len(faults)} violations")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
