#!/usr/bin/env python3
"""`kill -9` of a demo under load, again and again, on the same data: nothing that was told turns untrue.

Goal:   no SAFE value is lost, no final outcome changes, no ticket is without an end.
Method: the real binary, real files, clients over gRPC that remember what they were told. A round kills
        the demo after a random number of answers, now and then once more while it starts, starts it
        again and asks. WORLDB_KILL_ROUNDS=50 is the long form.
"""

import os
import pathlib
import random
import tempfile
import time
import unittest

import demo_process
import witness

WORLDB = os.environ["WORLDB_BINARY"]
ROUNDS = int(os.environ.get("WORLDB_KILL_ROUNDS", "3"))
ANSWERS_MAX = 400
PROBES = 20
OLDER_TICKETS = 100


class KillRoundsTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="worldb-cli-")
        self.addCleanup(self.directory.cleanup)
        self.demo = demo_process.Demo(WORLDB, pathlib.Path(self.directory.name) / "data",
                                      window="20ms..500ms")
        self.addCleanup(self.demo.kill)
        self.witness = witness.Witness()
        self.addCleanup(self.witness.close)

    def holds(self, when):
        self.assertEqual(self.witness.complaints, [], when)

    def start(self, kill_first):
        if kill_first:
            self.demo.launch()
            self.demo.await_output(random.random())
            self.demo.kill()
        begin = time.monotonic()
        self.demo.start()
        self.witness.connect(self.demo.endpoints)
        return time.monotonic() - begin

    def test_rounds(self):
        w = self.witness
        starts = []
        unanswered = 0
        self.start(kill_first=False)
        for number in range(1, ROUNDS + 1):
            first = len(w.ops)
            w.start_load()
            w.await_told(random.randrange(1, ANSWERS_MAX))
            w.stop_load()
            self.demo.kill()
            w.join_load()
            starts.append(self.start(kill_first=number % 3 == 0))
            w.probe(PROBES)
            unanswered += w.end_ops()
            older = w.ops[:first]
            w.judge_tickets(w.ops[first:] + random.sample(older, min(OLDER_TICKETS, len(older))))
            self.holds(f"after round {number} of {ROUNDS}")
        w.judge_tickets(w.ops, until=witness.FULL)
        safe = w.judge_versions()
        self.holds("at the end")
        self.assertGreater(safe, 10 * ROUNDS)
        print(f"{ROUNDS} rounds: {len(w.ops)} ops, {unanswered} of them unanswered when the demo was "
              f"killed, {safe} SAFE versions read back; ready again after {min(starts):.1f} to "
              f"{max(starts):.1f} s")


if __name__ == "__main__":
    unittest.main(verbosity=2)
