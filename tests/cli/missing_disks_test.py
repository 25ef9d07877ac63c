#!/usr/bin/env python3
"""Nobody answers for a disk that is missing.

Goal:   a node whose store is gone, and a home whose accept log is gone, are not started on empty ones: an empty one
        would say that there is no such key, and let a second version 1 win. Where most of a data center's stores or its
        accept log are gone, the demo starts without it: the data center is OUT, what it judged can be read, and
        nobody judges in its stead until it is back. On an operator's word one node of a data center starts on an empty
        store; then what the cell held is there, and what the node is written is heard.
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
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="worldb-cli-")
        cls.addClassCleanup(directory.cleanup)
        cls.made = pathlib.Path(directory.name) / "data"
        cls.homes = []  # of key-0, key-1, ...
        with demo_process.Demo(WORLDB, cls.made) as demo:
            while len(set(cls.homes)) < 3 or len(cls.homes) < 6:
                number = len(cls.homes)
                result = demo.must("set", f"key-{number}", f"value-{number}", "--wait", "full", "-o", "json")
                cls.homes.append(result.event("accepted")["home"])

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="worldb-cli-")
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        self.data = self.root / "data"
        shutil.copytree(self.made, self.data)
        self.away = []

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
        self.refused(["holds no store either", "worldb-recover"], "--new-disk", "tokyo-1", "--new-disk", "tokyo-2",
                     "--new-disk", "tokyo-3")
        self.move_away("nodes/virginia-2/store")
        self.refused(["holds no"])
        self.bring_back()
        self.move_away("logs/tokyo", "logs/virginia")
        self.refused(["holds no accept log"])
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

    def test_whichever_part_of_a_data_center(self):
        for missing, first in (
            (("nodes/tokyo-2/store", "nodes/tokyo-3/store"), "nodes/tokyo-2/store"),
            (("logs/tokyo",), "logs/tokyo"),
        ):
            with self.subTest(missing=missing):
                self.move_away(*missing)
                there = self.tokyos_files()
                with demo_process.Demo(WORLDB, self.data) as demo:
                    self.assertIn(f"tokyo is OUT: {self.data / first} holds no ", demo.said)
                self.assertEqual(self.tokyos_files(), there)
                self.bring_back()

    def test_all_of_a_data_center(self):
        first = "nodes/tokyo-1/store"
        self.move_away("nodes/tokyo-1", "nodes/tokyo-2", "nodes/tokyo-3", "logs/tokyo")
        there = self.tokyos_files()
        key = f"key-{self.homes.index('tokyo')}"
        with demo_process.Demo(WORLDB, self.data) as demo:
            self.assertIn(f"tokyo is OUT: {self.data / first} holds no ", demo.said)
            for word in ("--surviving", "worldb-recover", "bring the disks back"):
                self.assertIn(word, demo.said)
            self.assertNotIn("remove", demo.said)
            demo_process.eventually(lambda: self.out_for(demo) == [["tokyo"]] * 6)
            self.assertEqual(demo.must("get", key, "--surviving").out, f"value-{key[4:]}".encode())
            silent = demo.run("get", key, "--timeout", "2s", "-o", "json")
            self.assertEqual((silent.code, silent.event("error")["reason"]), (6, "TRIAD_UNAVAILABLE"), silent)
            second = demo.run("set", key, "a second version 1", "--base", "absent", "--timeout", "2s", "-o", "json")
            self.assertIn(second.code, (6, 7), second)
            self.assertEqual([e["event"] for e in second.events()], ["error"], second)
            for home in ("virginia", "frankfurt"):
                i = self.homes.index(home)
                held = demo.must("set", f"key-{i}", f"value-{i}", "--wait", "held", "-o", "json")
                self.assertEqual(held.event("accepted")["out"], ["tokyo"], held)
            for name in ("tokyo-1", "tokyo-2", "tokyo-3"):
                for more in ([], ["--new-disk"]):
                    refused = demo.run("node", "start", name, *more)
                    self.assertEqual(refused.code, 1, refused)
                    self.assertIn(f"tokyo is OUT in this demo: {self.data / first} holds no ", refused.err)
                    self.assertNotIn("remove", refused.err)
        self.assertEqual(self.tokyos_files(), there)
        self.bring_back()
        with demo_process.Demo(WORLDB, self.data) as demo:
            demo_process.eventually(lambda: self.out_for(demo) == [[]] * 9)
            self.holds(demo, via="tokyo-2")

    def tokyos_files(self):
        return sorted(str(path) for place in ("nodes", "logs") for path in (self.data / place).rglob("tokyo*/**/*"))

    @staticmethod
    def out_for(demo):
        return [node["home"]["out"] for node in demo.must("status", "-o", "json").events()]

    def holds(self, demo, via):
        """Every key reads through the node as it was written last, and the node's own writes get through."""
        listed = [e for e in demo.must("list", "-o", "json", via=via).events() if e["event"] == "key"]
        self.assertEqual(len(listed), len(self.homes))
        for i in range(len(self.homes)):
            got = demo_process.eventually(lambda i=i: demo.run("get", f"key-{i}", via=via).out)
            self.assertEqual(got, f"value-{i}".encode())
            result = demo.must("set", f"key-{i}", f"value-{i}", "--wait", "safe", "-o", "json", via=via)
            self.assertEqual(result.event("decided")["outcome"], "WON")
            self.assertGreater(result.event("decided")["version"], 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
