#!/usr/bin/env python3
"""manuals.py BUILD PAGE...: the manual pages are well formed, and say what the programs say.

Every option of `PROGRAM --help` and of `pvscsictl VERB --help`, and every verb, is in its page; and
the page has no other ones. Pages without a program are looked at for their form alone.
"""
import os
import re
import shutil
import subprocess
import sys

PROGRAMS = {
    "pvscsid.8": "backend/pvscsid",
    "pvscsictl.8": "backend/ctl/pvscsictl",
    "pvscsi-hostd.8": "common/hypervisor/host/pvscsi-hostd",
    "pvscsi-run.1": "frontend/run/pvscsi-run",
    "pvscsi-bench.1": "frontend/bench/pvscsi-bench",
}
# Said once, for all verbs.
COMMON = {"-h", "--help"}


def said_by(command):
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return run.stderr or run.stdout


def help_of(*command):
    """What --help says: its options, and the verbs below headings other than these."""
    options, verbs, heading = set(), set(), ""
    for line in said_by([*command, "--help"]).splitlines():
        if re.match(r"[A-Za-z][^:]*:$", line):
            heading = line[:-1]
        elif option := re.match(r"  (-[-\w,]+)", line):
            options.update(option[1].split(","))
        elif verb := re.match(r"  ([a-z][-a-z]*)\s", line):
            if heading not in ("Options", "Positionals", ""):
                verbs.add(verb[1])
    return options, verbs


def sections(page):
    """The options that each section's tags name, and the verbs: .SS headings with a small letter."""
    options, verbs, where, tag = {}, set(), "", False
    for line in open(page, encoding="utf-8"):
        line = line.rstrip("\n").replace("\\-", "-")
        if line.startswith(".SH"):
            where = ""
        elif line.startswith(".SS ") and line[4].islower():
            where = line[4:].split()[0]
            verbs.add(where)
        elif tag and line.startswith("."):
            words = re.findall(r"(?<![\w-])--?[a-zA-Z][-\w]*", re.sub(r"\\f.", " ", line))
            if re.match(r"\.\S+ \"?-", line):
                options.setdefault(where, set()).update(words)
        tag = line == ".TP"
    return options, verbs


def compare(page, where, has, should):
    wrong = [f"{page}: {where}{name} is missing" for name in sorted(should - has)]
    return wrong + [f"{page}: {where}{name} is not known to the program" for name in sorted(has - should)]


def disagreements(page, program):
    name = os.path.basename(page)
    should, should_verbs = help_of(program)
    has, has_verbs = sections(page)
    if not should:
        return [f"{program} --help names no option"]
    wrong = compare(name, "", has.get("", set()), should) + compare(name, "verb ", has_verbs, should_verbs)
    for verb in sorted(should_verbs & has_verbs):
        options = help_of(program, verb)[0] - COMMON
        wrong += compare(name, f"{verb} ", has.get(verb, set()), options)
    return wrong


def malformed(page):
    wrong = []
    if shutil.which("man"):
        # Without a terminal man does not print: the page goes to nobody.
        run = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", page], stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True, check=False)
        wrong += [f"man: {line}" for line in run.stderr.splitlines()]
    if shutil.which("mandoc"):
        wrong += said_by(["mandoc", "-T", "lint", "-W", "warning", page]).splitlines()
    return wrong


def main():
    if not shutil.which("man") and not shutil.which("mandoc"):
        print("neither man nor mandoc is here")
        return 77
    build, pages = sys.argv[1], sys.argv[2:]
    wrong = []
    for page in pages:
        wrong += malformed(page)
        if program := PROGRAMS.get(os.path.basename(page)):
            wrong += disagreements(page, os.path.join(build, program))
    missing = PROGRAMS.keys() - {os.path.basename(page) for page in pages}
    wrong += [f"there is no page {page}" for page in sorted(missing)]
    print("\n".join(wrong) or f"{len(pages)} pages are right")
    return 1 if wrong else 0


sys.exit(main())
