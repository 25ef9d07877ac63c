#!/usr/bin/env python3
"""A data center is gone for a while under load, and comes back.

Goal:   meanwhile writes of the other homes reach HELD, nobody is told more, and who waits for SAFE is
        told that it was not reached; writes of the lost home fail and say so. After the return every
        op reaches SAFE, then FULL, and reads back byte for byte.
Method: the real binary; clients over gRPC that remember what they were told. The nodes of one data
        center are stopped for WORLDB_OUTAGE_SECONDS (default 3; 60 is the long form, in which the log
        marks it as OUT and LATEST answers what is HELD).
"""

import os
import pathlib
import tempfile
import time
import unittest

import demo_process
import witness

WORLDB = os.environ["WORLDB_BINARY"]
OUTAGE_SECONDS = float(os.environ.get("WORLDB_OUTAGE_SECONDS", "3"))
MARKED_OUT_SECONDS = 15  # by then a silent data center is OUT
WRITERS = 12
LOST = "frankfurt"
LOST_NODES = [n for n in demo_process.NODES if n.startswith(LOST)]
SURVIVORS = [n for n in demo_process.NODES if not n.startswith(LOST)]


class DataCenterOutageTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="worldb-cli-")
        self.addCleanup(self.directory.cleanup)
        self.demo = demo_process.Demo(WORLDB, pathlib.Path(self.directory.name) / "data",
                                      window="20ms..500ms")
        self.addCleanup(self.demo.kill)
        self.witness = witness.Witness()
        self.addCleanup(self.witness.close)

    def keys_by_home(self):
        """A key for each writer and one for the command line at the homes that stay, and one at the
        lost home. All of them have a first version."""
        ops = [self.witness.new_op(f"key-{number}") for number in range(4 * WRITERS)]
        self.assertEqual([error for error in self.witness.each(self.witness.set, ops) if error], [])
        stay = [op.key.decode() for op in ops if op.home != LOST]
        lost = [op.key.decode() for op in ops if op.home == LOST]
        return stay[:WRITERS], stay[WRITERS], lost[0]

    def counters(self):
        """Bytes on the disks of the lost data center, and every byte counter of every node's status."""
        nodes = self.demo.data / "nodes"
        sums = {"disk_bytes": sum(path.stat().st_size for node in nodes.glob(f"{LOST}-*")
                                  for path in node.rglob("*") if path.is_file())}
        for node in self.demo.run("status", "-o", "json").events():
            for fields in (node, node.get("home", {})):
                for name, value in fields.items():
                    if name.endswith("_bytes") and isinstance(value, int):
                        sums[name] = sums.get(name, 0) + value
        return sums

    def run_surviving(self, *arguments):
        endpoints = ",".join(self.demo.endpoint(n) for n in SURVIVORS)
        return self.demo.run(*arguments, "-o", "json", "--endpoints", endpoints)

    def told_out_of_reach(self, stays, lost):
        """What people are told at the command line while the data center is gone."""
        held = self.run_surviving("set", stays, "held", "--wait", "held")
        self.assertEqual(held.code, 0, held)
        self.assertEqual(held.events()[-1]["level"], "HELD", held)
        safe = self.run_surviving("set", stays, "never safe", "--wait", "safe", "--timeout", "3s")
        self.assertEqual(safe.code, 9, safe)
        error = safe.event("error")
        self.assertEqual(error["reason"], "TOLERANCE_NOT_REACHED", safe)
        self.assertEqual((error["details"]["wanted"], error["details"]["reached"]), ("SAFE", "HELD"))
        refused = self.run_surviving("set", lost, "nobody judges", "--timeout", "2s")
        # Sent, perhaps never to arrive: it may still happen once the home is back.
        self.assertIn(refused.code, (6, 7), refused)
        self.assertEqual(refused.event("error")["details"]["home"], LOST, refused)
        return safe.event("accepted")["ticket"]

    def test_outage(self):
        w = self.witness
        self.demo.start()
        w.connect(self.demo.endpoints)
        keys, spare, lost = self.keys_by_home()

        for node in LOST_NODES:
            self.demo.must("node", "stop", node, via=SURVIVORS[0])
        w.connect([self.demo.endpoint(n) for n in SURVIVORS])
        w.within_reach = witness.HELD
        first = len(w.ops)
        begin = time.monotonic()
        w.start_load(lambda number: w.new_op(keys[number]), witness.HELD, WRITERS)
        ticket = self.told_out_of_reach(spare, lost)
        while time.monotonic() - begin < OUTAGE_SECONDS:
            w.await_told(10)
        w.stop_load()
        w.join_load()
        outage = time.monotonic() - begin
        during = w.ops[first:]
        self.assertEqual(w.complaints, [])
        self.assertEqual([op for op in during if not op.won or op.level != witness.HELD], [])
        if outage >= MARKED_OUT_SECONDS:
            read = self.run_surviving("get", keys[0]).event("value")
            self.assertEqual(read["level"], "HELD", read)

        before = self.counters()
        w.within_reach = witness.FULL
        begin = time.monotonic()
        for node in LOST_NODES:
            self.demo.must("node", "start", node, via=SURVIVORS[0])
        w.connect(self.demo.endpoints)
        w.judge_tickets(w.ops, until=witness.SAFE)
        safe_after = time.monotonic() - begin
        w.judge_tickets(w.ops, until=witness.FULL)
        full_after = time.monotonic() - begin
        after = self.counters()
        w.judge_versions()
        self.assertEqual(w.complaints, [])
        late = self.demo.must("ticket", "get", ticket, "-o", "json").event("ticket")
        self.assertEqual((late["outcome"], late["level"]), ("WON", "FULL"), late)
        grown = ", ".join(f"{name} +{after[name] - before.get(name, 0)}" for name in sorted(after))
        print(f"{len(during)} writes of {sum(len(op.value) for op in during)} bytes in an outage of "
              f"{outage:.1f} s; all SAFE {safe_after:.1f} s after the return began, FULL after "
              f"{full_after:.1f} s; {grown}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
