#!/usr/bin/env python3
"""worldb bench: that what it counts adds up, not how fast it is.

Goal:   every op is counted once, speed and latencies are those of the ops that reached the level, rivals
        and failures are told apart, and a wrong byte is found.
Method: the real binary with a bounded number of ops against a real demo.
"""

import os
import pathlib
import tempfile
import unittest

import demo_process

WORLDB = os.environ["WORLDB_BINARY"]


class BenchTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="worldb-bench-")
        cls.demo = demo_process.Demo(WORLDB, pathlib.Path(cls.directory.name) / "data",
                                     window="20ms..1s")
        cls.demo.start()

    @classmethod
    def tearDownClass(cls):
        try:
            assert cls.demo.stop() == 0
        finally:
            cls.directory.cleanup()

    def bench(self, *arguments, code=0, via=None):
        done = self.demo.run("bench", *arguments, "--warmup", "0", "--seconds", "60", "--timeout",
                             "30s", "-o", "json", via=via)
        self.assertEqual(done.code, code, done)
        result = done.event("bench")
        self.assertEqual(result["started"],
                         result["reached"] + sum(result["not_won"].values()) +
                         sum(result["failed"].values()) + result["wrong"])
        name = "sets_per_second" if result["op"] == "set" else "gets_per_second"
        self.assertLessEqual(result["reached_in_time"], result["reached"])
        self.assertLess(result["measured_ns"], 60e9)
        self.assertAlmostEqual(result[name] * result["measured_ns"] / 1e9,
                               result["reached_in_time"], places=3)
        for latency in result["latency"].values():
            self.assertLessEqual(0, latency["p50_ns"])
            for low, high in (("p50_ns", "p99_ns"), ("p99_ns", "p999_ns"), ("p999_ns", "max_ns")):
                self.assertLessEqual(latency[low], latency[high])
            self.assertLessEqual(latency["max_ns"], result["measured_ns"])
        self.assertEqual(result.get("processor_client_ns", 0) > 0, result["reached"] > 0)
        return result

    def test_fresh_keys_all_win(self):
        result = self.bench("set", "--ops", "300", "--inflight", "50", "--wait", "full")
        self.assertEqual((result["started"], result["reached"], result["reached_in_time"]),
                         (300, 300, 300))
        self.assertEqual(list(result["latency"]), ["accepted", "decided", "held", "safe", "full"])
        for latency in result["latency"].values():
            self.assertEqual(latency["count"], 300)
        self.assertLessEqual(result["latency"]["accepted"]["p50_ns"],
                             result["latency"]["full"]["p50_ns"])

    def test_processor_time_of_the_nodes_is_told(self):
        taken = os.sysconf("SC_CLK_TCK")
        result = self.bench("set", "--ops", "400", "--inflight", "100", "--pid", str(self.demo.process.pid))
        self.assertGreater(result["processor_nodes_ns"] * result["reached"], 1e9 / taken)
        self.assertNotIn("processor_nodes_ns", self.bench("set", "--ops", "5"))
        missing = self.demo.run("bench", "set", "--pid", str(2**22 + 1))
        self.assertEqual(missing.code, 3, missing)
        self.assertIn("no process", missing.err)

    def test_one_key_has_many_rivals_and_few_winners(self):
        result = self.bench("set", "--ops", "200", "--inflight", "100", "--keys", "1", "--wait",
                            "decided")
        self.assertEqual(result["started"], 200)
        self.assertGreater(result["reached"], 0)
        self.assertGreater(sum(result["not_won"].values()), 0)
        self.assertLessEqual(set(result["not_won"]), {"LOST", "LATE", "LATE_FIRST"})
        self.assertEqual(result["latency"]["decided"]["count"], result["reached"])

    def test_gets_are_checked_byte_for_byte(self):
        keys = ("--keys", "40", "--size", "20K", "--prefix", "read/")
        result = self.bench("get", "--ops", "300", "--inflight", "20", *keys)
        self.assertEqual((result["started"], result["reached"], result["size_bytes"]),
                         (300, 300, 20 * 1024))
        self.assertEqual(result["latency"]["value"]["count"], 300)
        again = self.bench("get", "--ops", "100", "--no-fill", *keys)
        self.assertEqual(again["reached"], 100)
        # The same keys, but other bytes are expected.
        other = self.bench("get", "--ops", "50", "--no-fill", "--seed", "2", *keys, code=65)
        self.assertEqual((other["wrong"], other["reached"]), (50, 0))

    def test_failures_are_counted_by_reason(self):
        missing = self.bench("get", "--ops", "20", "--no-fill", "--keys", "5", "--prefix", "none/",
                             code=3)
        self.assertEqual(missing["failed"], {"NO_SUCH_KEY": 20})
        for arguments in (["--size", "5M"], ["--size", "x"], ["--inflight", "0"], ["--seconds", "0"],
                          ["--wait", "never"], ["--endpoints", "nowhere"]):
            self.assertEqual(self.demo.run("bench", "set", *arguments).code, 2)
        nobody = self.demo.run("bench", "set", "--ops", "5", "--endpoints", "127.0.0.1:1")
        self.assertEqual(nobody.code, 6, nobody)


if __name__ == "__main__":
    unittest.main(verbosity=2)
