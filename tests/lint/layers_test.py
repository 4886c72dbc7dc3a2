#!/usr/bin/env python3
"""layers.py on small trees with one fault each: it has to name it, and nothing else."""
import os
import tempfile
import unittest

import layers

SOUND = {
    "common/base/log.hpp": "#include <string>\n",
    "common/scsi/sense.hpp": '#include "common/base/log.hpp"\n',
    "ring/abi.hpp": "",
    "ring/abi_xen.cpp": '#include "ring/abi.hpp"\n#include <xen/io/vscsiif.h>\n',
    "common/hypervisor/store.hpp": '#include "common/base/log.hpp"\n',
    "common/hypervisor/xen/grant.cpp": '#include <xengnttab.h>\n',
    "common/hypervisor/xen/open_xen.hpp": '#include "common/hypervisor/store.hpp"\n',
    "common/hypervisor/open.cpp": '#include "common/hypervisor/xen/open_xen.hpp"\n',
    "backend/queue.hpp": '#include "ring/abi.hpp"\n',
    "frontend/include/pvscsi/frontend.hpp": "#include <memory>\n",
    "frontend/session.cpp": '#include "pvscsi/frontend.hpp"\n',
    "tests/unit/x_test.cpp": '#include "backend/queue.hpp"\n#include <scsi/sg.h>\n',
    "build/build.ninja": "",
    "build/generated.cpp": '#include "nothing.h"\n',
}


class LayersTest(unittest.TestCase):
    def faults(self, path=None, text=None):
        with tempfile.TemporaryDirectory() as root:
            tree = dict(SOUND)
            if path:
                tree[path] = text
            for name, content in tree.items():
                os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
                with open(os.path.join(root, name), "w", encoding="utf-8") as file:
                    file.write(content)
            return layers.check_tree(root)[1]

    def refused(self, path, text, word):
        faults = self.faults(path, text)
        self.assertEqual(len(faults), 1, faults)
        self.assertIn(path, faults[0])
        self.assertIn(word, faults[0])

    def test_a_sound_tree_passes(self):
        self.assertEqual(self.faults(), [])

    def test_a_lower_layer_includes_no_higher_one(self):
        self.refused("common/base/x.hpp", '#include "ring/abi.hpp"\n', "must not know")
        self.refused("ring/x.hpp", '#include "common/scsi/sense.hpp"\n', "common/scsi")
        self.refused("common/hypervisor/x.cpp", '#include "common/hypervisor/xen/open_xen.hpp"\n',
                     "must not know")

    def test_the_two_ends_do_not_know_each_other(self):
        self.refused("frontend/x.cpp", '#include "backend/queue.hpp"\n', "backend")
        self.refused("backend/x.cpp", '\n#include "pvscsi/frontend.hpp"\n', "backend/x.cpp:2")

    def test_public_headers_stand_alone(self):
        self.refused("frontend/include/pvscsi/x.hpp", '#include "common/base/log.hpp"\n',
                     "must not know")

    def test_xen_headers_stay_in_their_place(self):
        for header in ("<xengnttab.h>", "<xen/grant_table.h>", '"xenstore.h"', "<xentoollog.h>"):
            self.refused("backend/x.cpp", f"#  include {header}\n", "a Xen header")
        self.refused("tests/unit/x.cpp", "#include <xenevtchn.h>\n", "a Xen header")
        self.refused("common/hypervisor/x.cpp", "#include <libxl.h>\n", "xl's library")

    def test_the_sg_header_stays_in_its_place(self):
        self.refused("backend/x.cpp", "#include <scsi/sg.h>\n", "sg driver")

    def test_what_is_not_there_cannot_be_included(self):
        self.refused("ring/x.hpp", '#include "abi.hpp"\n', "not in the tree")

    def test_a_new_folder_needs_a_layer(self):
        self.refused("extra/x.cpp", "", "no layer")


if __name__ == "__main__":
    unittest.main()
