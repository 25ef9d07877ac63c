#!/usr/bin/env python3
"""Real files go in and come back bit for bit, whatever one data center does; no disk shows them.

Goal:   every regular file under /usr/share/common-licenses and 4 MiB of random bytes are set (SAFE) and
        read back with all nodes up, with one node stopped in each data center, and with any one data
        center stopped: `get`, and `get --surviving` where it is the key's home. After a restart on the
        same data they are still there.
Method: the real binary against a real demo. During a load, between the steps and after the end, every
        byte of every file in the data directory is searched for the values and the names of the keys.
"""

import concurrent.futures
import os
import pathlib
import secrets
import sys
import tempfile
import unittest

import demo_process

LICENSES = pathlib.Path("/usr/share/common-licenses")
WORLDB = os.environ["WORLDB_BINARY"]
PARALLEL = 6
PROBE_BYTES = 32


def values_to_store(canary):
    """Name to bytes. Each has the canary in it, or is searched for by pieces of its own."""
    values = {path.name: path.read_bytes()
              for path in sorted(LICENSES.glob("*")) if path.is_file() and not path.is_symlink()}
    values["random-4-mib"] = os.urandom(4 << 20)
    values["empty"] = b""
    values["canary-in-frame"] = canary + b" in a value that rides in its frame"
    values["canary-staged"] = (canary + b" in a value that is staged first ") * 1000
    return values


class FilesSurviveTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="worldb-cli-")
        self.addCleanup(self.directory.cleanup)
        self.root = pathlib.Path(self.directory.name)
        self.canary = b"canary-" + secrets.token_hex(24).encode()
        self.name_canary = "name-" + secrets.token_hex(16)
        self.values = values_to_store(self.canary)
        self.assertGreater(len(self.values), 4, f"no files in {LICENSES}")
        self.stored = {}  # key to (name, home)
        self.stopped = set()  # nodes
        self.pool = concurrent.futures.ThreadPoolExecutor(PARALLEL)
        self.addCleanup(self.pool.shutdown)
        for name, value in self.values.items():
            (self.root / name).write_bytes(value)

    def stop(self, demo, nodes):
        for node in nodes:
            demo.must("node", "stop", node)
        self.stopped |= set(nodes)

    def start(self, demo, nodes):
        for node in nodes:
            demo.must("node", "start", node)
        self.stopped -= set(nodes)

    def endpoints(self, demo, number):
        """Of the nodes that run, beginning with one of them. The port of a stopped node is free, and
        may be a node's of another test by now."""
        running = [node for node in demo_process.NODES if node not in self.stopped]
        first = number % len(running)
        return ",".join(demo.endpoint(node) for node in running[first:] + running[:first])

    def each(self, function, items, meanwhile=lambda: None):
        futures = [self.pool.submit(function, *item) for item in items]
        meanwhile()
        for future in futures:
            future.result()

    def set_all(self, demo, phase, meanwhile=lambda: None):
        def set_one(index, name):
            key = f"{self.name_canary}/{phase}/{name}"
            result = demo.must("set", key, f"@{self.root / name}", "--wait", "safe", "-o", "json",
                               "--timeout", "60s", "--endpoints", self.endpoints(demo, index))
            self.assertEqual(result.event("decided")["outcome"], "WON", result)
            levels = [e["level"] for e in result.events() if e["event"] == "level"]
            self.assertIn(levels[-1], ("SAFE", "FULL"), result)
            shares = [e["shares"] for e in result.events() if e["event"] == "level"][-1]
            self.assertTrue(all(count >= 2 for count in shares.values()), result)
            self.stored[key] = (name, result.event("accepted")["home"])

        self.each(set_one, enumerate(self.values), meanwhile)

    def read_all(self, demo, stopped=None):
        """With data center `stopped` off, keys at home there are read with --surviving."""
        def read_one(index, key, name, home):
            options = ["--surviving"] if home == stopped else []
            result = demo.must("get", key, *options, "--timeout", "60s",
                               "--endpoints", self.endpoints(demo, index + 4))
            self.assertTrue(result.out == self.values[name],
                            f"{key}: {len(result.out)} bytes came back, not what was set")

        self.each(read_one, [(i, key, *facts) for i, (key, facts) in enumerate(self.stored.items())])

    def scan(self, demo, when):
        probes = [self.canary, self.name_canary.encode()]
        for value in self.values.values():
            if len(value) >= 4 * PROBE_BYTES:
                probes += [value[:PROBE_BYTES], value[len(value) // 2:][:PROBE_BYTES],
                           value[-PROBE_BYTES:]]
        seen = 0
        for path in sorted(demo.data.rglob("*")):
            try:
                content = path.read_bytes() if path.is_file() else b""
            except FileNotFoundError:  # a store has just dropped it
                continue
            seen += len(content)
            for probe in probes:
                self.assertNotIn(probe, content, f"{when}: plaintext in {path}")
        self.assertGreater(seen, 4 << 20, f"{when}: nothing was stored where it was looked for")

    def test_files_survive(self):
        demo = demo_process.Demo(WORLDB, self.root / "data")
        self.addCleanup(demo.stop)
        demo.start()
        self.set_all(demo, "all-up")
        self.scan(demo, "after a load with all nodes up")
        self.read_all(demo)

        one_each = ["virginia-2", "frankfurt-3", "tokyo-1"]
        self.stop(demo, one_each)
        self.set_all(demo, "one-node-each-off",
                     meanwhile=lambda: self.scan(demo, "during a load"))
        self.read_all(demo)
        self.scan(demo, "with a node stopped in each data center")
        self.start(demo, one_each)

        for home in ("virginia", "frankfurt", "tokyo"):
            nodes = [f"{home}-{i}" for i in (1, 2, 3)]
            self.stop(demo, nodes)
            self.read_all(demo, stopped=home)
            key = next(k for k, facts in self.stored.items() if facts[1] == home)
            latest = demo.run("get", key, "--timeout", "2s", "-o", "json",
                              "--endpoints", self.endpoints(demo, 0))
            self.assertEqual(latest.code, 6, latest)
            self.assertEqual(latest.event("error")["reason"], "TRIAD_UNAVAILABLE", latest)
            self.start(demo, nodes)
            demo_process.eventually(lambda k=key: demo.run("get", k, "--timeout", "5s").code == 0)
        self.scan(demo, "after every data center was off once")

        self.assertEqual(demo.stop(), 0)
        self.scan(demo, "after the end")
        demo.start()
        self.read_all(demo)
        self.assertEqual(demo.stop(), 0)
        self.scan(demo, "after a restart")


if __name__ == "__main__":
    unittest.main(verbosity=2)
