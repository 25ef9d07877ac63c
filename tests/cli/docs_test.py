#!/usr/bin/env python3
"""The commands in the documents do what the documents say.

Goal:   every command line in an indented or fenced block of the pages below is run, or stands in
        ELSEWHERE with the reason and what covers it. A new one that is neither run nor there fails.
Method: the pages are read from top to bottom, and their worldb commands run in that order by a shell
        against a real demo, in the default environment but for the endpoints. `wt1_...` is the newest
        ticket. bench runs with few ops. The synopsis of cli.md is compared with --help.
"""

import os
import pathlib
import re
import shlex
import signal
import subprocess
import tempfile
import unittest

import demo_process

WORLDB = os.environ["WORLDB_BINARY"]
RECOVER = os.environ["WORLDB_RECOVER_BINARY"]
ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ("README.md", "docs/concepts.md", "docs/cli.md", "docs/scripts.md", "docs/api.md", "docs/performance.md",
         "docs/testing.md", "docs/recovery.md")
# Lines of blocks that are no commands: what programs say on standard error, scripts, and lines for
# CMakeLists.txt.
NO_COMMAND = ("worldb: ", "worldb-recover: ", "why:", "next:", "worldb_add_", "#", "key:", "code:", "survives:")
TICKET = re.compile(r"wt1_[\w-]{74}")

# First words of a command to why it is not run here.
ELSEWHERE = {
    "tools/quickstart": "installs packages and builds; CI begins with it",
    "tools/test": "this test is a part of it",
    "PATH=": "the directory of this test's binary is on the path already",
    "cmake": "builds; tools/test runs these presets",
    "ctest": "runs tests, this one among them",
    "build/release/tests/": "one test by hand, which ctest runs, or a benchmark",
    "python3 tests/planted/planted.py": "half an hour of compiling; planted_faults_apply runs the short form",
    "build/asan/fuzz/": "the long form of a fuzz target; tools/test runs the short one",
}
# What may come of a command besides exit 0.
MAY_END = {
    "worldb status": (0, 8),  # README: while tokyo is stopped
    "worldb get greeting": (0, 6),  # README: tokyo may be its home
    "worldb set greeting bonjour --wait held": (0, 6, 7),
    # Scripts that do not compile, as the page says.
    "echo 'key: 3 of all code: mds k=3' | worldb script check - --names virginia,frankfurt,tokyo": (65,),
    "echo 'key: 2 of (2 of tokio)' | worldb script check - --names virginia,frankfurt,tokyo": (65,),
    # recovery.md: the demo was killed while writes may have been under way
    "worldb-recover run disks --secrets disks/nodes/*/secrets --out values": (0, 6),
    "worldb-recover run disks --secrets disks/nodes/*/secrets --all-versions --out all-values": (0, 6),
    "worldb-recover run disks --keys keys.wdk --recovery-key recovery.wrk --out values-by-export": (0, 6),
    "worldb-recover judge evidence --cell-file disks/cell": (3,),  # no share was bad
}


def blocks(page):
    """Lines in indented and fenced blocks, without the words that follow behind two spaces."""
    fenced = False
    for line in (ROOT / page).read_text().splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield re.split(r" {2,}", line.strip())[0]


def commands(page):
    return [line for line in blocks(page) if not line.startswith(NO_COMMAND)]


def is_synopsis(page, command):
    """A line of the list at the top of cli.md: it names what is to be filled in."""
    return page == "docs/cli.md" and re.search(r"\[-|\b[A-Z]{3,}\b|\|", command) is not None


class DocsTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="worldb-docs-")
        self.addCleanup(self.directory.cleanup)
        self.root = pathlib.Path(self.directory.name)
        self.demo = None
        self.demo_count = 0
        self.ticket = None

    def demo_command(self, command):
        """`worldb demo`, with what else it names but for the place of its data and its ports."""
        words = shlex.split(command)[2:]
        options = dict(zip(words[::2], words[1::2]))
        options.pop("--data", None)
        window = options.pop("--window", "20ms..300ms")
        if self.demo is not None:
            self.assertEqual(self.demo.stop(), 0)
        self.demo_count += 1
        self.demo = demo_process.Demo(WORLDB, self.root / f"data-{self.demo_count}",
                                      window=window,
                                      options=[word for pair in options.items() for word in pair])
        self.addCleanup(self.demo.kill)
        self.demo.start()

    def shell(self, command):
        path = f"{pathlib.Path(WORLDB).parent}:{pathlib.Path(RECOVER).parent}:{os.environ['PATH']}"
        env = dict(os.environ, PATH=path, WORLDB_ENDPOINTS=",".join(self.demo.endpoints))
        return subprocess.Popen(["bash", "-c", f"exec {command}" if "|" not in command else command],
                                cwd=self.root, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def disaster(self):
        """recovery.md: every node dies at once; what is left is called `disks`."""
        self.shell("worldb set greeting hello").communicate(timeout=120)
        self.demo.kill()
        (self.root / "disks").symlink_to(self.root / f"data-{self.demo_count}")

    def run_command(self, command):
        if command.startswith("worldb-recover") and not (self.root / "disks").exists():
            self.disaster()
        if command.startswith("worldb demo"):
            return self.demo_command(command)
        short = command
        if command.startswith("worldb bench"):
            short = re.sub(r" --(ops|keys) \S+", "", command) + " --ops 20 --warmup 0 --seconds 30"
            if " get" in command:
                short += " --keys 4"
        if "wt1_..." in command:
            self.assertIsNotNone(self.ticket, f"no ticket before: {command}")
            short = command.replace("wt1_...", self.ticket)
        process = self.shell(short)
        if command.startswith("worldb watch"):
            self.assertIn(b"--from", process.stderr.readline())  # it stands
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
        if command.startswith("worldb watch"):
            self.assertEqual(process.returncode, -signal.SIGINT, err)
            return None
        self.assertIn(process.returncode, MAY_END.get(command, (0,)),
                      f"{short}\n{out.decode(errors='replace')}\n{err.decode(errors='replace')}")
        found = TICKET.search(out.decode(errors="replace"))
        if found:
            self.ticket = found.group()
        return None

    def test_commands_run(self):
        run = 0
        for page in PAGES:
            for command in commands(page):
                if any(command.startswith(words) for words in ELSEWHERE) or is_synopsis(page, command):
                    continue
                with self.subTest(page=page, command=command):
                    self.assertRegex(command, r"worldb(-recover)? ", "neither run nor in ELSEWHERE")
                    self.run_command(command)
                run += 1
        self.assertGreater(run, 20)

    def test_no_reason_without_a_command(self):
        lines = [command for page in PAGES for command in commands(page)]
        for words in [*ELSEWHERE, *MAY_END]:
            self.assertTrue(any(line.startswith(words) for line in lines), f"{words}: in no page")

    def test_synopsis_is_what_help_says(self):
        seen = {"worldb": {"status"}, "worldb-recover": set()}
        for command in commands("docs/cli.md"):
            if not is_synopsis("docs/cli.md", command):
                continue
            program, rest = command.split(" ", 1)
            binary = WORLDB if program == "worldb" else RECOVER
            verbs = re.match(r"((?:[a-z][a-z-]*(?:\|[a-z][a-z-]*)* ?)+)", rest).group(1).split()
            seen[program].add(verbs[0])
            paths = [[]]
            for verb in verbs:
                paths = [[*path, v] for path in paths for v in verb.split("|")]
            for path in paths:
                text = subprocess.run([binary, *path, "--help"], capture_output=True, check=True).stdout
                for option in re.findall(r"--[a-z-]+", command):
                    self.assertIn(option, text.decode(), f"{' '.join(path)}: {option}")
        for program, binary in (("worldb", WORLDB), ("worldb-recover", RECOVER)):
            verbs = subprocess.run([binary, "--help"], capture_output=True, check=True).stdout.decode()
            listed = set(re.findall(r"^  ([a-z-]+) ", verbs.split("Subcommands:")[-1], re.M))
            self.assertEqual(seen[program], listed)


if __name__ == "__main__":
    unittest.main(verbosity=2)
