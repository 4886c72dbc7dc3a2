#!/usr/bin/env python3
"""Prints the build targets that the tests of a meson suite run.

    suite_targets.py BUILD SUITE
"""
import json
import os
import subprocess
import sys

build, suite = sys.argv[1:]
tests = json.loads(subprocess.check_output(["meson", "introspect", "--tests", build]))
for test in tests:
    if any(name.split(":")[-1] == suite for name in test["suite"]):
        print(os.path.relpath(test["cmd"][0], os.path.abspath(build)))
