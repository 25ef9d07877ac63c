#!/usr/bin/env python3
"""What the commands print and what they exit with: the contract of docs/cli.md.

Goal:   every command in both output forms, every exit code that can be had on a healthy machine, and
        the three lines of an error.
Method: the real binary against a real demo.
"""

import base64
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import demo_process

WORLDB = os.environ["WORLDB_BINARY"]
THREE_LINES = re.compile(r"\Aworldb: .+\n  why:  .+\n  next: .+\n\Z")


class CommandsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="worldb-cli-")
        cls.root = pathlib.Path(cls.directory.name)
        cls.demo = demo_process.Demo(WORLDB, cls.root / "data", window="20ms..500ms")
        cls.demo.start()

    @classmethod
    def tearDownClass(cls):
        try:
            assert cls.demo.stop() == 0
        finally:
            cls.directory.cleanup()

    def refused(self, code, *arguments, **options):
        result = self.demo.run(*arguments, **options)
        self.assertEqual(result.code, code, result)
        self.assertRegex(result.err, THREE_LINES)
        return result

    def test_value_from_text_file_and_standard_input(self):
        file = self.root / "value"
        file.write_bytes(b"from a file\n\x00\xff")
        for argument, stdin, value in (("text", b"", b"text"), (f"@{file}", b"", file.read_bytes()),
                                       ("-", b"\x00 from stdin", b"\x00 from stdin"),
                                       ("@@at", b"", b"@at"), ("-", b"", b"")):
            self.demo.must("set", "forms", argument, stdin=stdin)
            self.assertEqual(self.demo.must("get", "forms").out, value)

    def test_set_tells_how_it_goes(self):
        result = self.demo.must("set", "told", "v", "--wait", "full", "-o", "json", via="tokyo-2")
        events = result.events()
        accepted, decided, last = events[0], events[1], events[-1]
        self.assertEqual(list(accepted),
                         ["event", "op_id", "ticket", "stamp", "home", "version", "leading"])
        self.assertEqual(accepted["stamp"]["node"], "tokyo-2")
        self.assertEqual(accepted["stamp"]["bound_ns"], 1_000_000)
        self.assertRegex(accepted["stamp"]["midpoint"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$")
        self.assertEqual(list(decided), ["event", "outcome", "version", "rival", "margin_ns",
                                         "ambiguous", "present_version", "certificate"])
        self.assertEqual((decided["outcome"], decided["certificate"]), ("WON", "timeout"))
        self.assertEqual(last, {"event": "level", "level": "FULL", "version": decided["version"],
                                "shares": {"virginia": 3, "frankfurt": 3, "tokyo": 3}})
        text = self.demo.must("set", "told", "w").out.decode()
        self.assertRegex(text, r"\AACCEPTED wt1_\S+\n  stamped .*\nWON version 2\n")

    def test_wait_decides_when_it_returns(self):
        for level, last in (("accepted", "accepted"), ("decided", "decided"), ("safe", "level")):
            result = self.demo.must("set", f"wait-{level}", "v", "--wait", level, "-o", "json")
            self.assertEqual(result.events()[-1]["event"], last)
        self.refused(2, "set", "k", "v", "--wait", "forever")

    def test_get_writes_the_value_and_nothing_else(self):
        self.demo.must("set", "read", "the value")
        result = self.demo.must("get", "read", via="frankfurt-3")
        self.assertEqual((result.out, result.err), (b"the value", ""))
        value = self.demo.must("get", "read", "-o", "json").event("value")
        self.assertEqual(base64.b64decode(value["value_base64"]), b"the value")
        self.assertEqual((value["version"], value["bytes"], value["home_silent"]), (1, 9, False))
        self.assertGreaterEqual(len(value["read_from"]), 4)
        out = self.root / "out"
        self.assertEqual(self.demo.must("get", "read", "--out", str(out)).out, b"")
        self.assertEqual(out.read_bytes(), b"the value")
        self.demo.must("set", "read", "newer")
        self.assertEqual(self.demo.must("get", "read", "--version", "1").out, b"the value")
        surviving = self.demo.must("get", "read", "--surviving")
        self.assertEqual(surviving.out, b"newer")
        self.assertIn("home not asked", surviving.err)

    def test_not_found(self):
        self.refused(3, "get", "never-set")
        self.demo.must("set", "versions", "v")
        error = self.refused(3, "get", "versions", "--version", "9", "-o", "json").event("error")
        self.assertEqual((error["reason"], error["code"], error["exit_code"]),
                         ("NO_SUCH_VERSION", "NOT_FOUND", 3))

    def test_usage(self):
        large = self.root / "large"
        large.write_bytes(bytes((4 << 20) + 1))
        for arguments in (["set", "k"], ["set", "k", f"@{large}"], ["set", "", "v"],
                          ["set", "k" * 1025, "v"], ["set", "k", "v", "--base", "x"],
                          ["set", "k", "v", "--op-id", "x"], ["get"], ["bogus"], [],
                          ["get", "k", "--timeout", "soon"], ["get", "k", "--timeout", "0"],
                          ["get", "k", "--endpoints", "nowhere"],
                          ["get", "k", "--endpoints", "192.0.2.1:7070"],
                          ["ticket", "get", "nonsense"], ["demo", "--window", "1"]):
            self.refused(2, *arguments)
        self.refused(3, "set", "k", "@/no/such/file")

    def test_conflict(self):
        self.demo.must("set", "contested", "v", "--base", "absent")
        stale = self.refused(4, "set", "contested", "w", "--base", "absent", "-o", "json")
        self.assertEqual(stale.event("decided")["outcome"], "STALE")
        self.assertEqual(stale.event("decided")["present_version"], 1)
        self.refused(4, "set", "contested", "w", "--base", "7")  # does not exist yet

    def test_lost_race_names_the_winner_and_the_margin(self):
        # Several at once, until one of them has lost: it is told to whom.
        for attempt in range(20):
            racers = [subprocess.Popen([WORLDB, "set", f"race-{attempt}", node, "-o", "json",
                                        "--endpoints", self.demo.endpoint(node)],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                      for node in ("virginia-1", "frankfurt-1", "tokyo-1")]
            results = [demo_process.Result(r.returncode, out, err)
                       for r in racers for out, err in [r.communicate(timeout=60)]]
            lost = [r for r in results if r.event("decided")["outcome"] == "LOST"]
            if lost:
                break
        self.assertTrue(lost, "twenty races without a loser")
        self.assertEqual(lost[0].code, 4)
        self.assertRegex(lost[0].err, THREE_LINES)
        decided = lost[0].event("decided")
        self.assertGreaterEqual(decided["margin_ns"], 0)
        self.assertIn(decided["rival"]["stamp"]["node"], demo_process.NODES)

    def test_unreachable(self):
        nobody = ["--endpoints", "127.0.0.1:1"]
        for arguments in (["get", "k"], ["set", "k", "v"], ["status"], ["ticket", "get", "t"],
                          ["node", "stop", "tokyo-1"]):
            result = self.refused(6, *arguments, *nobody)
            self.assertIn("127.0.0.1:1", result.err)
            self.assertIn("connection refused", result.err)
        # The flag beats the environment, and the environment the default.
        self.demo.must("status", "--endpoints", self.demo.endpoint("tokyo-1"),
                       env={"WORLDB_ENDPOINTS": "127.0.0.1:1"})
        self.refused(6, "status", env={"WORLDB_ENDPOINTS": "127.0.0.1:1"})

    def test_timeout_leaves_a_ticket_that_any_node_answers(self):
        # Home in another data center: not on record, or not decided, when the time is up.
        result = self.refused(7, "set", "impatient", "v", "--timeout", "60ms", "-o", "json")
        details = result.event("error")["details"]
        self.assertEqual(result.event("error")["reason"], "OUTCOME_UNKNOWN")
        again = self.demo.must("set", "impatient", "v", "--op-id", details["op_id"], "-o", "json")
        ticket = again.event("accepted")["ticket"]
        answer = self.demo.must("ticket", "get", ticket, "-o", "json", via="frankfurt-2").event("ticket")
        self.assertEqual((answer["outcome"], answer["op_id"], answer["final"]),
                         ("WON", details["op_id"], True))
        self.assertIn("WON version 1", self.demo.must("ticket", "get", ticket).out.decode())

    def test_status_and_nodes(self):
        nodes = self.demo.must("status", "-o", "json").events()
        self.assertEqual([n["node"] for n in nodes], demo_process.NODES)
        self.assertEqual(len({n["cell_id"] for n in nodes}), 1)
        self.assertEqual(self.demo.must("node", "stop", "tokyo-3", "-o", "json").events(),
                         [{"event": "node", "node": "tokyo-3", "running": False, "changed": True}])
        self.assertIn("already", self.demo.must("node", "stop", "tokyo-3").out.decode())
        degraded = self.demo.run("status", "-o", "json")
        self.assertEqual(degraded.code, 8, degraded)
        self.assertEqual(degraded.events()[8]["reachable"], False)
        self.assertEqual(degraded.events()[8]["cause"], "connection refused")
        # A write sent while the triad still changes hands may come LATE; then again.
        demo_process.eventually(lambda: self.demo.run("set", "tolerance", "v").code == 0)
        not_full = self.refused(9, "set", "tolerance", "v", "--wait", "full", "--timeout", "3s",
                                "-o", "json")
        details = not_full.event("error")["details"]
        self.assertEqual((details["wanted"], details["reached"]), ("FULL", "SAFE"))
        self.demo.must("node", "start", "tokyo-3")
        self.demo.must("status")
        self.refused(3, "node", "stop", "atlantis-1")
        self.refused(6, "node", "stop", "tokyo-1", via="tokyo-1")

    def test_help_fits_a_screen_and_begins_with_examples(self):
        for command in ([], ["set"], ["get"], ["ticket"], ["ticket", "get"], ["status"], ["demo"],
                        ["node"], ["node", "stop"], ["node", "start"], ["bench"], ["bench", "set"],
                        ["bench", "get"]):
            text = self.demo.must(*command, "--help").out.decode()
            lines = text.strip().splitlines()
            self.assertEqual(lines[0], "Examples:", text)
            self.assertTrue(lines[1].startswith("  ") and lines[2].startswith("  "), text)
            self.assertLessEqual(len(lines), 40, text)

    def test_demo_refuses_what_it_must_not_touch(self):
        half = self.root / "half"
        (half / "nodes").mkdir(parents=True)
        other = self.root / "other"
        other.mkdir()
        (other / "file").write_text("mine")
        for data, word in ((half, "half-made"), (other, "not empty"), (self.demo.data, "another process")):
            result = self.refused(1, "demo", "--port", "0", "--data", str(data))
            self.assertIn(word, result.err)
        port = self.demo.endpoint("virginia-1").split(":")[1]
        self.assertIn("port", self.refused(6, "demo", "--port", port).err)
        for name in ("cell", "nodes/tokyo-1/secrets"):
            self.assertEqual((self.demo.data / name).stat().st_mode & 0o777, 0o600)


if __name__ == "__main__":
    unittest.main(verbosity=2)
