#!/usr/bin/env python3
"""A data center is gone for a while under load, and comes back.

Goal:   meanwhile writes of the other homes reach HELD and are told at once that more is out of reach,
        nobody is told more, who waits for SAFE is told that it was not reached, and LATEST answers what
        is HELD; writes of the lost home fail and say so. After the return every op reaches SAFE, then
        FULL, and reads back byte for byte.
Method: the real binary; clients over gRPC that remember what they were told. The nodes of one data
        center are stopped for WORLDB_OUTAGE_SECONDS (default 3; 60 is the long form).
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

    def bytes_of(self):
        """Bytes on the disks of the lost data center, and of all nodes that answer: staged, and
        fetched for repair since each node's start."""
        nodes = self.demo.data / "nodes"
        status = [n for n in self.demo.run("status", "-o", "json").events() if n["reachable"]]
        return {"disk": sum(path.stat().st_size for node in nodes.glob(f"{LOST}-*")
                            for path in node.rglob("*") if path.is_file()),
                "staged": sum(n["staged_bytes"] for n in status),
                "repair LAN": sum(n["repair"]["fragment_bytes_lan"] for n in status),
                "repair WAN": sum(n["repair"]["fragment_bytes_wan"] for n in status)}

    def run_surviving(self, *arguments):
        endpoints = ",".join(self.demo.endpoint(n) for n in SURVIVORS)
        return self.demo.run(*arguments, "-o", "json", "--endpoints", endpoints)

    def told_out_of_reach(self, stays, lost):
        """What people are told at the command line while the data center is gone."""
        def told_held():
            result = self.run_surviving("set", stays, "held", "--wait", "held")
            self.assertEqual(result.code, 0, result)
            return result if result.event("accepted")["out"] else None

        held = demo_process.eventually(told_held)
        accepted = held.event("accepted")
        self.assertEqual((accepted["out"], accepted["within_reach"]), ([LOST], "HELD"), held)
        self.assertEqual(held.events()[-1]["level"], "HELD", held)
        safe = self.run_surviving("set", stays, "never safe", "--wait", "safe", "--timeout", "3s")
        self.assertEqual(safe.code, 9, safe)
        error = safe.event("error")
        self.assertEqual(error["reason"], "TOLERANCE_NOT_REACHED", safe)
        self.assertEqual((error["details"]["wanted"], error["details"]["reached"]), ("SAFE", "HELD"))
        # Nobody judges it, and it may still happen once the home is back.
        silent = self.run_surviving("set", lost, "not now", "--timeout", "2s")
        self.assertEqual(silent.code, 7, silent)
        error = silent.event("error")
        self.assertEqual((error["reason"], error["details"]["home"]), ("TRIAD_UNAVAILABLE", LOST))
        self.assertIn("ticket", error["details"], silent)
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
        read = self.run_surviving("get", keys[0])
        self.assertEqual(read.code, 0, read)
        self.assertEqual(read.event("value")["level"], "HELD", read)

        before = self.bytes_of()
        # The absent data center is owed its shares of everything that was won meanwhile.
        self.assertGreater(before["staged"], sum(len(op.value) for op in during), before)
        w.within_reach = witness.FULL
        begin = time.monotonic()
        for node in LOST_NODES:
            self.demo.must("node", "start", node, via=SURVIVORS[0])
        w.connect(self.demo.endpoints)
        w.judge_tickets(w.ops, until=witness.SAFE)
        safe_after = time.monotonic() - begin
        w.judge_tickets(w.ops, until=witness.FULL)
        full_after = time.monotonic() - begin
        after = self.bytes_of()
        w.judge_versions()
        self.assertEqual(w.complaints, [])
        late = self.demo.must("ticket", "get", ticket, "-o", "json").event("ticket")
        self.assertEqual((late["outcome"], late["level"]), ("WON", "FULL"), late)
        print(f"{len(during)} writes of {sum(len(op.value) for op in during)} bytes in an outage of "
              f"{outage:.1f} s; all SAFE {safe_after:.1f} s after the return began, FULL after "
              f"{full_after:.1f} s; bytes staged for it {before['staged']}, then {after['staged']}; "
              f"its disks grew by {after['disk'] - before['disk']}; fetched for repair meanwhile "
              f"{after['repair LAN'] - before['repair LAN']} within data centers and "
              f"{after['repair WAN'] - before['repair WAN']} between them")


if __name__ == "__main__":
    unittest.main(verbosity=2)
