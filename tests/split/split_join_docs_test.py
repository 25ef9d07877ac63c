#!/usr/bin/env python3
"""The commands of docs/split-join.md do what the page says.

Goal:   every command line in a block of the page runs and ends with 0, or is the synopsis.
Method: they run in the order of the page, in one directory; the synopsis is compared with --help.
"""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

RECOVER = os.environ["WORLDB_RECOVER_BINARY"]
PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "split-join.md"


class DocsTest(unittest.TestCase):
    def setUp(self):
        self.lines = [line.strip() for line in PAGE.read_text().splitlines() if line.startswith("    ")]
        self.env = dict(os.environ, PATH=f"{pathlib.Path(RECOVER).parent}:{os.environ['PATH']}")

    def synopsis(self):
        return [line for line in self.lines if "[--" in line]

    def test_commands_run(self):
        with tempfile.TemporaryDirectory(prefix="worldb-split-docs-") as directory:
            commands = [line for line in self.lines if line not in self.synopsis()]
            self.assertGreater(len(commands), 5)
            for command in commands:
                with self.subTest(command=command):
                    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=directory,
                                          env=self.env, capture_output=True, timeout=60)
                    self.assertEqual(done.returncode, 0, done.stderr)

    def test_synopsis_is_what_help_says(self):
        self.assertEqual(len(self.synopsis()), 2)
        for line in self.synopsis():
            verb = line.split()[1]
            text = subprocess.run([RECOVER, verb, "--help"], capture_output=True, check=True).stdout.decode()
            options = set(re.findall(r"(?<![\w-])--?[a-z]+", text)) - {"-h", "--help"}
            # Those of the examples and the list.
            self.assertLessEqual(set(re.findall(r"(?<![\w-])--?[a-z]+", line)), options)
            listed = text[text.index("Options:"):]
            for option in set(re.findall(r"^ +(--?[a-z]+)", listed, re.M)) - {"-h"}:
                self.assertIn(option, line)


if __name__ == "__main__":
    unittest.main()
