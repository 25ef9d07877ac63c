#!/usr/bin/env python3
"""A node's disk is replaced under load, again and again: it is whole again without anybody reading it.

Goal:   no SAFE value is lost, no final outcome changes, no level counts a share that its node has not; and at the
        end all nine stores hold a share of every version.
Method: the real binary, real files, clients over gRPC that remember what they were told. A round stops a node,
        removes its store, starts it with the operator's word and waits until status says that nothing is lacking.
        What the stores hold is counted on the raw files, with the demo stopped. WORLDB_WIPE_ROUNDS=10 is the long
        form.
"""

import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import time
import unittest

import demo_process
import witness

WORLDB = os.environ["WORLDB_BINARY"]
RECOVER = os.environ["WORLDB_RECOVER_BINARY"]
ROUNDS = int(os.environ.get("WORLDB_WIPE_ROUNDS", "1"))
NODES = [f"{city}-{place}" for city in ("virginia", "frankfurt", "tokyo") for place in (1, 2, 3)]
WHOLE_SECONDS = 300


class WipeRoundsTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="worldb-cli-")
        self.addCleanup(self.directory.cleanup)
        self.data = pathlib.Path(self.directory.name) / "data"
        self.demo = demo_process.Demo(WORLDB, self.data, window="20ms..500ms")
        self.addCleanup(self.demo.kill)
        self.witness = witness.Witness()
        self.addCleanup(self.witness.close)

    def nodes(self):
        result = self.demo.run("status", "-o", "json")
        return {event["node"]: event for event in result.events() if event.get("reachable")}

    def replace_disk(self, name):
        self.demo.must("node", "stop", name)
        shutil.rmtree(self.data / "nodes" / name / "store")
        self.demo.must("node", "start", name, "--new-disk")

    def is_whole(self, name):
        nodes = self.nodes()
        if len(nodes) < len(NODES):
            return None
        repair = nodes[name]["repair"]
        homes = [node["home"] for node in nodes.values()]
        lacking = repair["lacking"] + repair["waiting"] + sum(home["incomplete"] + home["unsettled"] for home in homes)
        return repair if lacking == 0 and repair["missing"] > 0 else None

    def test_rounds(self):
        w = self.witness
        self.demo.start()
        w.connect(self.demo.endpoints)
        w.start_load()
        w.await_told(300)
        whole = []
        for number in range(ROUNDS):
            name = NODES[number % len(NODES)] if ROUNDS > 1 else random.choice(NODES)
            self.replace_disk(name)
            w.await_told(random.randrange(50, 300))
            w.stop_load()
            w.join_load()
            w.end_ops()
            begin = time.monotonic()
            repair = demo_process.eventually(lambda: self.is_whole(name), WHOLE_SECONDS)
            # Only now: while a share was missing, levels were lower than they had been.
            w.judge_tickets(w.ops, until=witness.FULL)
            whole.append((time.monotonic() - begin, repair["shares_repaired"]))
            self.assertEqual(w.complaints, [], f"after round {number + 1} of {ROUNDS}, {name}")
            if number + 1 < ROUNDS:
                w.start_load()
        safe = w.judge_versions()
        self.assertEqual(w.complaints, [], "at the end")
        self.demo.stop()
        self.all_nine(safe)
        print(f"{ROUNDS} rounds, {safe} SAFE versions; whole again {min(whole)[0]:.1f} to {max(whole)[0]:.1f} s after "
              f"the load ended, {sum(count for _, count in whole)} shares made anew")

    def all_nine(self, safe):
        out = subprocess.run([RECOVER, "inspect", str(self.data), "-o", "json"], capture_output=True, check=True).stdout
        contents = [event for event in map(json.loads, out.splitlines()) if event["event"] == "contents"][0]
        self.assertGreaterEqual(contents["versions"], safe)
        self.assertEqual(contents["versions_by_shares"], {"9": contents["versions"]})


if __name__ == "__main__":
    unittest.main(verbosity=2)
