#!/usr/bin/env python3
"""Runs `meson test` in a build directory and reports each test as a suite of tests/run.sh does.

    meson_suite.py BUILD [arguments of meson test]

A test that skips itself ends with status 77; the last line it prints is the reason.
"""
import json
import os
import platform
import shutil
import subprocess
import sys


def command(build, arguments):
    # A test that hangs is ended; one that shares the machine with a virtual machine is not.
    run = ["meson", "test", "-C", build, "--no-rebuild", "--print-errorlogs", "-t", "4", *arguments]
    # ThreadSanitizer of GCC 12 cannot place its shadow with the address space randomised widely.
    fixed = [shutil.which("setarch") or "setarch", platform.machine(), "-R"]
    if subprocess.run([*fixed, "true"], capture_output=True, check=False).returncode == 0:
        return fixed + run
    return run


def results(build):
    with open(os.path.join(build, "meson-logs", "testlog.json"), encoding="utf-8") as log:
        return [json.loads(line) for line in log if line.strip()]


def main():
    build, arguments = sys.argv[1], sys.argv[2:]
    log = os.path.join(build, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.remove(log)
    subprocess.run(command(build, arguments), check=False)
    if not os.path.exists(log):
        sys.exit("meson test left no log")
    count = {"passed": 0, "failed": 0, "skipped": 0}
    for test in results(build):
        name = test["name"]
        if test["result"] in ("OK", "EXPECTEDFAIL"):
            count["passed"] += 1
            print(f"ok {name}")
        elif test["result"] == "SKIP":
            count["skipped"] += 1
            said = (test.get("stdout") or "").strip().splitlines()
            print(f"ok {name} # SKIP {said[-1] if said else 'no reason given'}")
        else:
            count["failed"] += 1
            print(f"not ok {name} ({test['result'].lower()})")
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**count))
    return 1 if count["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
