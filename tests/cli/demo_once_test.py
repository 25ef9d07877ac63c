#!/usr/bin/env python3
"""`worldb demo --once` tells its whole story, exits with 0 and leaves nothing behind.

Method: the program itself checks every claim before it prints it; here only that none is missing, and
        that its exit code follows.
"""

import os
import pathlib
import subprocess
import tempfile
import unittest

WORLDB = os.environ["WORLDB_BINARY"]
TELLS = ("configured bound of 1ms", "illustrative figures", "WON version 1", "LOST to",
         "first on record at the home", "stamped earlier, so it goes in front", "wt1_",
         "marked \"home silent\"", "TRIAD_UNAVAILABLE", "virginia  alone: unreadable",
         "frankfurt alone: unreadable", "tokyo     alone: unreadable",
         "frankfurt and tokyo together", "Every step held.")


class DemoOnceTest(unittest.TestCase):
    def test_story(self):
        with tempfile.TemporaryDirectory(prefix="worldb-cli-") as directory:
            done = subprocess.run([WORLDB, "demo", "--once"], capture_output=True, text=True,
                                  timeout=200, check=False, env={**os.environ, "TMPDIR": directory})
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertEqual(done.stderr, "")
            place = 0
            for words in TELLS:
                place = done.stdout.find(words, place)
                self.assertGreaterEqual(place, 0, f"{words!r} is missing or out of order in\n{done.stdout}")
            self.assertEqual(list(pathlib.Path(directory).iterdir()), [])

    def test_story_on_kept_data_and_a_step_that_fails(self):
        with tempfile.TemporaryDirectory(prefix="worldb-cli-") as directory:
            data = str(pathlib.Path(directory) / "data")
            for _ in range(2):  # the second time on the data of the first
                done = subprocess.run([WORLDB, "demo", "--once", "--data", data], capture_output=True,
                                      text=True, timeout=200, check=False)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            (pathlib.Path(data) / "nodes/tokyo-2/secrets").write_bytes(b"not the secrets of a node")
            done = subprocess.run([WORLDB, "demo", "--once", "--data", data], capture_output=True,
                                  text=True, timeout=200, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("nodes/tokyo-2/secrets", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
