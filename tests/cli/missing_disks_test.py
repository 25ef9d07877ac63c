#!/usr/bin/env python3
"""Nobody answers for a disk that is missing.

Goal:   a node whose store is gone, and a home whose accept log is gone, are not started on empty ones: an empty one
        would say that there is no such key, and let a second version 1 win. On an operator's word one node of a data
        center starts on an empty store; then what the cell held is there, and what the node is written is heard.
Method: a real demo with kept data, whose directories are moved away while it does not run, one after the other and all
        of a data center at once. No advice may be to remove anything.
"""

import os
import pathlib
import shutil
import tempfile
import unittest

import demo_process

WORLDB = os.environ["WORLDB_BINARY"]


class MissingDisksTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="worldb-cli-")
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        self.data = self.root / "data"
        self.away = []
        with demo_process.Demo(WORLDB, self.data) as demo:
            homes = []
            while len(set(homes)) < 3 or len(homes) < 6:
                result = demo.must("set", f"key-{len(homes)}", f"value-{len(homes)}", "--wait", "full", "-o", "json")
                homes.append(result.event("accepted")["home"])
            self.count = len(homes)

    def move_away(self, *names):
        """Undone by bring_back()."""
        for name in names:
            kept = self.root / "kept" / name
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(self.data / name, kept)
            self.away.append(name)

    def bring_back(self):
        while self.away:
            name = self.away.pop()
            shutil.move(self.root / "kept" / name, self.data / name)

    def refused(self, words, *options):
        demo = demo_process.Demo(WORLDB, self.data, options=options)
        with self.assertRaises(AssertionError) as caught:
            demo.start()
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertNotIn("remove", str(caught.exception))

    def test_missing_disks(self):
        tokyo = [f"nodes/tokyo-{i}/store" for i in (1, 2, 3)]
        self.move_away(tokyo[0])
        self.refused(["nodes/tokyo-1/store", "holds no store", "--new-disk tokyo-1"])
        self.assertFalse((self.data / tokyo[0]).exists(), "nothing is made on the way")
        self.bring_back()
        self.refused(["holds a store", "move it away first"], "--new-disk", "tokyo-1")
        current = self.data / tokyo[0] / "CURRENT"
        current.rename(current.with_name("CURRENT.away"))
        self.refused(["holds no store"])
        self.refused(["is not empty", "move it away first"], "--new-disk", "tokyo-1")
        current.with_name("CURRENT.away").rename(current)
        self.refused(["no node"], "--new-disk", "paris-1")
        self.move_away(*tokyo)
        self.refused(["nodes/tokyo-1/store"])
        self.refused(["holds no store either", "worldb-recover"], "--new-disk", "tokyo-1", "--new-disk", "tokyo-2",
                     "--new-disk", "tokyo-3")
        self.bring_back()
        self.move_away("logs/tokyo")
        self.refused(["logs/tokyo", "holds no accept log", "tokyo"])
        self.assertFalse((self.data / "logs/tokyo").exists())
        self.bring_back()
        self.move_away(tokyo[1])
        with demo_process.Demo(WORLDB, self.data, options=("--new-disk", "tokyo-2")) as demo:
            self.holds(demo, via="tokyo-2")
            demo.must("node", "stop", "virginia-3")
            self.move_away("nodes/virginia-3/store")
            result = demo.run("node", "start", "virginia-3")
            self.assertEqual(result.code, 1, result)
            self.assertIn("--new-disk virginia-3", result.err)
            demo.must("node", "start", "virginia-3", "--new-disk")
            self.holds(demo, via="virginia-3")

    def holds(self, demo, via):
        """Every key reads through the node as it was written last, and the node's own writes get through."""
        listed = [e for e in demo.must("list", "-o", "json", via=via).events() if e["event"] == "key"]
        self.assertEqual(len(listed), self.count)
        for i in range(self.count):
            got = demo_process.eventually(lambda i=i: demo.run("get", f"key-{i}", via=via).out)
            self.assertEqual(got, f"value-{i}".encode())
            result = demo.must("set", f"key-{i}", f"value-{i}", "--wait", "safe", "-o", "json", via=via)
            self.assertEqual(result.event("decided")["outcome"], "WON")
            self.assertGreater(result.event("decided")["version"], 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
