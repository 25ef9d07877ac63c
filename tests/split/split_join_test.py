#!/usr/bin/env python3
"""worldb-recover split and join, as a person uses them, with every kind of damage.

Goal:   the file comes back byte for byte from every reading set and from no other; nothing is ever
        written that is not the file; every bad share is named; nothing is left behind by a failure.
Method: real commands on real files. All 512 sets of one small file; sizes around the ends of segments
        and windows; damage of every kind, against what is said and what is there afterwards; a pipe; a
        killed process; a full disk where a file system may be mounted.
"""

import itertools
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import unittest

RECOVER = os.environ["WORLDB_RECOVER_BINARY"]
# Of the sets of nine, each so many-th one is joined.
SET_STRIDE = int(os.environ.get("WORLDB_SPLIT_SET_STRIDE", "1"))
SEGMENT = 4 * 16384 - 16  # nested
HEADER = 36


def readable(nodes):
    """Two of each of two places."""
    return sum(len([n for n in nodes if n // 3 == place]) >= 2 for place in range(3)) >= 2


class SplitJoinTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="worldb-split-")
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        self.random = random.Random(4)
        self.out = self.root / "out"

    def run_recover(self, *arguments, **options):
        return subprocess.run([RECOVER, *map(str, arguments)], capture_output=True, timeout=120,
                              cwd=self.root, **options)

    def split(self, content, name="file", *options):
        """The nine share files, in order."""
        source = self.root / name
        source.write_bytes(content)
        shares = self.root / f"{name}.shares"
        done = self.run_recover("split", source, "--out", shares, *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = sorted(shares.iterdir())
        self.assertEqual([str(s) for s in found], done.stdout.decode().splitlines())
        self.assertEqual(len(found), 9)
        return found

    def join(self, shares, *options):
        self.out.unlink(missing_ok=True)
        return self.run_recover("join", *shares, "--out", self.out, *options)

    def assert_joins(self, shares, content, *options, code=0):
        done = self.join(shares, *options)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(self.out.read_bytes(), content)
        return done.stderr.decode()

    def assert_refuses(self, shares, words, *options, code=65):
        done = self.join(shares, *options)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertFalse(self.out.exists())
        for word in [words] if isinstance(words, str) else words:
            self.assertIn(word, done.stderr.decode())
        self.assertEqual([p for p in self.root.iterdir() if p.name.startswith(".")], [])

    def damage(self, share, edit):
        data = bytearray(share.read_bytes())
        share.write_bytes(edit(data) or data)

    def flip(self, share, at):
        def edit(data):
            data[at] ^= 1
        self.damage(share, edit)

    def test_sizes(self):
        for size in (0, 1, SEGMENT - 6, SEGMENT - 5, SEGMENT - 7, 4 * SEGMENT - 6, 4 * SEGMENT - 5,
                     9 * SEGMENT + 77):
            for script in ("nested", "flat", "copy"):
                content = self.random.randbytes(size)
                shares = self.split(content, "file", "--script", script, "--force")
                self.assert_joins(shares, content)
                self.assert_joins(self.random.sample(shares, 9), content, "--quick")
                self.assert_joins([shares[i] for i in (2, 8, 1, 4, 7)], content)

    def test_every_set(self):
        content = b"first write wins"
        shares = self.split(content)
        sets = [nodes for count in range(1, 10) for nodes in itertools.combinations(range(9), count)]
        self.assertEqual(sum(map(readable, sets)), 256)
        for nodes in sets[::SET_STRIDE]:
            done = self.join([shares[n] for n in nodes])
            self.assertEqual(done.returncode, 0 if readable(nodes) else 65, nodes)
            self.assertEqual(self.out.exists(), readable(nodes))
            if readable(nodes):
                self.assertEqual(self.out.read_bytes(), content)

    def test_short(self):
        shares = self.split(b"first write wins")
        self.assert_refuses(shares[:2], ["2 of 4 data pieces", "key shares from 1 of 2 data centers",
                                         "2 more shares"])
        named = self.split(b"first write wins", "named", "--names", "tokyo,paris,oslo")
        self.assert_refuses([named[0], named[3]], ["for example 0-tokyo-2, 1-paris-2"])
        renamed = [share.rename(share.with_name(f"{i}.wds")) for i, share in enumerate(named[:2])]
        self.assert_refuses(renamed, ["for example node[3], node[4]"])
        # Each bad share on a line of its own.
        (self.root / "bad\n.wds").write_bytes(b"")
        self.assert_refuses([shares[0], self.root / "bad\n.wds"], "bad\\x0a.wds: ")
        self.assertRegex(self.join([shares[0], "bad\n.wds"]).stderr.decode(),
                         r"would do, .*\n        bad\\x0a\.wds: .*\n  next: ")
        flat = self.split(b"first write wins", "flat", "--script", "flat")
        self.assert_refuses(flat[:4], ["4 of 5 data pieces", "4 of 5 key shares", "1 more share would"])

    def test_a_script_of_ones_own(self):
        script = self.root / "my.script"
        script.write_text("key: 2 of (3 of tokyo, 3 of paris, 3 of oslo)\ncode: mds k=6\n")
        content = self.random.randbytes(500_000)
        shares = self.split(content, "file", "--script", script, "--names", "tokyo,paris,oslo")
        self.assertEqual(shares[4].name, "file.1-paris-2.wds")
        self.assert_joins(shares[3:], content)
        self.assert_refuses(shares[4:], "do not suffice")
        script.write_text("key: 3 of (tokyo)\ncode: mds k=6\n")
        done = self.run_recover("split", self.root / "file", "--out", "other", "--script", script)
        self.assertEqual(done.returncode, 2)

    def test_bad_blocks_are_replaced_and_named(self):
        content = self.random.randbytes(5_000_000)
        shares = self.split(content)
        # A block of each share, each another one.
        for i, share in enumerate(shares):
            self.flip(share, HEADER + 65536 * i + 100 * i)
        said = self.assert_joins(shares, content, code=65)
        for i, share in enumerate(shares):
            self.assertIn(f"{share}: 1 bad block: fragment bytes {65536 * i} to {65536 * (i + 1)}", said)
        # Not enough good ones of one block are left: nothing is written.
        for share in shares[:6]:
            self.flip(share, HEADER + 65536 * 11 + 1)
        self.assert_refuses(shares, "block 11")
        self.assert_refuses(shares, "block 11", "--quick")

    def test_whole_shares_that_are_bad(self):
        content = self.random.randbytes(300_000)
        other = self.split(self.random.randbytes(300_000), "other")
        cases = {
            "cut short": lambda s: os.truncate(s, 50_000),
            "magic": lambda s: self.flip(s, 0),
            "bytes too many": lambda s: s.write_bytes(s.read_bytes() + b"x"),
            "hash in the footer": lambda s: self.flip(s, s.stat().st_size - 100),
            "cannot read": lambda s: s.unlink(),
            "not a plain file": lambda s: (s.unlink(), os.mkfifo(s)),
            "share file": lambda s: s.write_bytes(b""),
        }
        for words, spoil in cases.items():
            with self.subTest(words=words):
                shares = self.split(content, "file", "--force")
                spoil(shares[0])
                said = self.assert_joins(shares, content, code=65)
                self.assertIn("1 of 9 share files is bad", said)
                self.assertIn(f"{shares[0]}: ", said)
                self.assertIn(words, said)
                if shares[0].exists():
                    shares[0].unlink()
        shares = self.split(content, "file", "--force")
        for share in shares:
            self.flip(share, 0)
        self.assert_refuses(shares, "none of the files given is a good share")
        # Bytes of another share under a header and trailer that are right.
        shares = self.split(content, "file", "--force")
        self.damage(shares[3], lambda d: d[:HEADER] + other[3].read_bytes()[HEADER:60_000] + d[60_000:])
        self.assertIn("bad block", self.assert_joins(shares, content, code=65))
        self.damage(shares[4], lambda d: d[:HEADER] + shares[7].read_bytes()[HEADER:60_000] + d[60_000:])
        said = self.assert_joins(shares, content, code=65)
        self.assertIn("2 of 9 share files are bad", said)

    def test_files_are_never_mixed(self):
        content = self.random.randbytes(200_000)
        one = self.split(content, "one")
        two = self.split(content, "two")  # the same bytes, but another splitting
        self.assert_refuses([*one[:4], *two[4:]], ["2 different files", str(one[0])], code=2)
        listed = self.run_recover("join", *one, *two, "--out", self.out).stderr.decode()
        cores = [part.split(",")[0] for part in listed.split("core ")[1:] if part[:16].isalnum()]
        seen = set()
        for core in [c for c in cores if len(c) == 16]:
            said = json.loads(self.join([*one, *two], "--which", core, "-o", "json").stdout)
            self.assertEqual(said["outcome"], "joined")
            seen.add(said["name"])
        self.assertEqual(seen, {"one", "two"})
        self.assert_refuses(one, "no good share", "--which", "ffffffffffffffffffffffff", code=3)

    def test_a_better_copy_helps(self):
        content = self.random.randbytes(700_000)
        shares = self.split(content)
        kept = [shares[i] for i in (0, 1, 3, 4)]
        copies = self.root / "copies"
        copies.mkdir()
        for share in kept:
            shutil.copy(share, copies)
        for share in kept:
            self.flip(share, HEADER + 10)
        self.assert_refuses(kept, "block 0")
        for options in ((), ("--quick",)):
            self.assert_joins([*kept, copies], content, *options, code=65)

    def test_pipes(self):
        content = self.random.randbytes(3_000_001)
        done = self.run_recover("split", "-", "--out", "p", "--name", "piped", "-o", "json", input=content)
        said = json.loads(done.stdout)
        self.assertEqual((said["outcome"], said["bytes"], said["shares"], len(said["share_files"])),
                         ("split", len(content), 9, 9))
        done = self.run_recover("join", "p", "--out", "-", "-o", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, content)
        self.assertEqual(json.loads(done.stderr)["name"], "piped")
        # A block nobody has: what came before it is right, the exit code says that it is not all.
        for share in sorted((self.root / "p").iterdir())[:6]:
            self.flip(share, HEADER + 65536 * 9)
        done = self.run_recover("join", "p", "--out", "-")
        self.assertEqual(done.returncode, 65)
        self.assertLess(len(done.stdout), len(content))
        self.assertEqual(done.stdout, content[:len(done.stdout)])
        self.assertIn("not the whole file", done.stderr.decode())

    def test_nothing_is_replaced_or_left_behind(self):
        shares = self.split(b"one")
        before = [share.read_bytes() for share in shares]
        done = self.run_recover("split", "file", "--out", "file.shares")
        self.assertEqual(done.returncode, 4)
        self.assertIn("--force", done.stderr.decode())
        self.assertEqual([share.read_bytes() for share in shares], before)
        for arguments, code in ((("nowhere", "--out", "x"), 3), (("file", "--out", "file"), 2),
                                ((".", "--out", "x", "--name", "n"), 2), ((".", "--out", "x"), 2),
                                (("file", "--out", "x", "--names", "a,b"), 2),
                                (("file", "--out", "x", "--name", ""), 2),
                                (("file", "--out", "x", "--name", ".."), 2),
                                (("file", "--out", "x", "--names", "a,b,a"), 2),
                                (("file", "--out", "x", "--script", "nowhere"), 3),
                                (("file", "--out", "x", "--name", "../y"), 2)):
            done = self.run_recover("split", *arguments)
            self.assertEqual(done.returncode, code, f"{arguments}: {done.stderr}")
            self.assertFalse((self.root / "x").exists())
        # What is no plain file stays what it is, and so does a share that the file is joined from.
        os.mkfifo(self.root / "pipe")
        (self.root / "link").symlink_to("file")
        (self.root / "linked-share").hardlink_to(shares[0])
        for out, words in (("/dev/null", "not a plain file"), ("pipe", "not a plain file"),
                           ("link", "symbolic link"), (shares[0], "one of the share files"),
                           ("linked-share", "one of the share files")):
            done = self.run_recover("join", *shares, "--out", out)
            self.assertEqual(done.returncode, 2, out)
            self.assertIn(words, done.stderr.decode())
        self.assertTrue(pathlib.Path("/dev/null").is_char_device())
        self.assertTrue((self.root / "pipe").is_fifo())
        self.assertTrue((self.root / "link").is_symlink())
        self.assertEqual([share.read_bytes() for share in shares], before)
        self.assertEqual(self.run_recover("join", "file.shares", "--out", "file").returncode, 0)
        self.assertEqual(self.run_recover("join", self.root, "--out", "y").returncode, 3)

    def test_a_failure_is_told_in_one_object_with_the_advice_for_it(self):
        shares = self.split(b"one")
        two = self.split(b"two", "two")
        (self.root / "directory").mkdir()
        for arguments, code, name, advice in (
                (("join", *shares, "--out", "directory"), 2, "INVALID_ARGUMENT", "another --out"),
                (("join", *shares, "--out", "no/such"), 3, "NOT_FOUND", "another --out"),
                (("join", *shares, *two, "--out", "x"), 2, "INVALID_ARGUMENT", "--which"),
                (("join", *shares[:2], "--out", "x"), 65, "FAILED_PRECONDITION", "find more shares"),
                (("join", "nowhere", "--out", "x"), 3, "NOT_FOUND", "find more shares"),
                (("join", *shares, "--out", "x", "--which", "zz"), 2, "INVALID_ARGUMENT", "--which"),
                (("join", *shares), 2, "INVALID_ARGUMENT", "--help"),
                (("join", "directory", "--out", "x"), 3, "NOT_FOUND", "--help"),
                (("split", "file", "--out", "file.shares"), 4, "ALREADY_EXISTS", "--force"),
                (("split", "file", "--out", "x", "--name", "n" * 246), 2, "INVALID_ARGUMENT", "--help"),
        ):
            with self.subTest(arguments=arguments):
                done = self.run_recover(*arguments, "-o", "json")
                self.assertEqual(done.returncode, code, done.stderr)
                said = json.loads(done.stdout)
                self.assertEqual((said["event"], said["code"], said["exit_code"]), ("error", name, code))
                self.assertIn(advice, done.stderr.decode().splitlines()[-1])
                self.assertFalse((self.root / "x").exists())
        # 255 bytes, and no byte more.
        self.assertEqual(self.run_recover("split", "file", "--out", "x", "--name", "n" * 245).returncode, 0)
        # A name cannot speak to the terminal.
        for arguments in (("split", "a\x1b[31m", "--out", "y"), ("join", "a\x1b[31m", "--out", "y"),
                          ("split", "file", "--out", "y", "--script", "a\x1b[31m")):
            done = self.run_recover(*arguments)
            self.assertNotIn(b"\x1b", done.stderr)
            self.assertIn(b"a\\x1b[31m", done.stderr)

    def test_output_that_is_lost_is_a_failure(self):
        shares = self.split(b"one")
        for arguments in (("split", "file", "--out", "x"), ("join", *shares, "--out", "y"), ("--help",),
                          ("keygen", "--out", "z"), ("join", *shares, "--out", "-")):
            with self.subTest(arguments=arguments), open("/dev/full", "wb") as full:
                done = subprocess.run([RECOVER, *map(str, arguments)], stdout=full, timeout=60,
                                      stderr=subprocess.PIPE, cwd=self.root, check=False)
                self.assertEqual(done.returncode, 6, done.stderr)
                self.assertIn(b"standard output", done.stderr)
        # A file never gets the number of a stream that is closed.
        done = subprocess.run(["sh", "-c", f"{RECOVER} keygen --out k >&-"], stderr=subprocess.PIPE,
                              cwd=self.root, timeout=60, check=False)
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertEqual((self.root / "k").stat().st_size, (self.root / "z").stat().st_size)
        # A limit on files is an error like a full disk.
        done = subprocess.run(["sh", "-c", f"ulimit -f 1; {RECOVER} split {RECOVER} --out big"],
                              stderr=subprocess.PIPE, cwd=self.root, timeout=60, check=False)
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertIn(b"too large", done.stderr)
        # No room to unpack an archive is no damage of it.
        (self.root / "zeros").write_bytes(bytes(100_000))
        done = subprocess.run(["sh", "-c", f"tar cf a.tar zeros; ulimit -f 1; {RECOVER} verify a.tar"],
                              capture_output=True, cwd=self.root, timeout=60, check=False)
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertIn(b"next: the same command with TMPDIR=DIR", done.stderr)
        self.assertNotIn(b"its writer signed", done.stderr)

    def test_force_replaces_all_nine(self):
        self.split(b"one")
        shares = self.split(b"two", "file", "--force")
        self.assert_joins(shares, b"two")
        self.assertEqual(len(list(shares[0].parent.iterdir())), 9)  # nothing hidden is left

    def test_killed(self):
        shares = self.root / "killed"
        with subprocess.Popen([RECOVER, "split", "-", "--out", shares], stdin=subprocess.PIPE) as process:
            for _ in range(40):
                process.stdin.write(self.random.randbytes(1 << 18))
            process.stdin.flush()
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdin.close()
        self.assertEqual([s for s in shares.iterdir() if s.suffix == ".wds"], [])
        content = self.random.randbytes(20_000_000)
        good = self.split(content)
        self.out.write_bytes(b"what was there")
        with subprocess.Popen([RECOVER, "join", *good, "--out", self.out]) as process:
            process.send_signal(signal.SIGKILL)
        self.assertIn(self.out.read_bytes(), (b"what was there", content))

    def test_disk_full(self):
        small = self.root / "small"
        small.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", small],
                                 capture_output=True)
        if mounted.returncode != 0:
            self.skipTest(f"no file system may be mounted here: {mounted.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", small], check=True)
        content = self.random.randbytes(6_000_000)
        shares = self.split(content)
        done = self.run_recover("split", "file", "--out", small)
        self.assertEqual(done.returncode, 6)
        self.assertIn("No space left on device", done.stderr.decode())
        self.assertEqual(list(small.iterdir()), [])
        done = self.run_recover("join", *shares, "--out", small / "out")
        self.assertEqual(done.returncode, 6)
        self.assertIn("No space left on device", done.stderr.decode())
        self.assertEqual(list(small.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
