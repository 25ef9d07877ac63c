#!/usr/bin/env python3
"""Scripts, as their users meet them: worldb script with no cell, and a demo with scripts of its own.

Goal:   `check` exits 0 for what compiles and 65 with the counterexample for what does not; `explain`
        says the same thing as table, JSON and picture. A demo scatters by script name and namespace,
        keeps both over a restart, and refuses to have them changed.
Method: small scripts on standard input and in a file, in the cell's names and in index form.
"""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

import demo_process

WORLDB = os.environ["WORLDB_BINARY"]
NAMES = ["--names", "virginia,frankfurt,tokyo"]
NESTED = "b792ca0af0e60fa9459f1a90b4a861f0931fa94bd3ad84619a26edd4fd0d55b3"


def script(*words, text="", code=0):
    process = subprocess.run([WORLDB, "script", *words], input=text.encode(), capture_output=True,
                             timeout=60, check=False)
    assert process.returncode == code, (words, process)
    return (process.stdout if code == 0 else process.stderr).decode()


class ScriptTest(unittest.TestCase):
    def test_check_knows_a_script_by_any_of_its_texts(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "mine.script"
            path.write_text("key: 2 of (2 of virginia, 2 of dc[1], 2 of tokyo)  # two each\n"
                            "code: lrc local 2+1 global 2  survives: any dc\n")
            out = script("check", str(path), *NAMES)
        self.assertEqual(out, f"script id {NESTED}\nkey: 2 of (2 of dc[0], 2 of dc[1], 2 of dc[2])\n"
                              "code: lrc local 2+1 global 2\n")

    def test_json_has_the_same(self):
        text = "key: 5 of all code: mds k=5"
        said = json.loads(script("check", "-", "-o", "json", text=text))
        self.assertEqual(list(said), ["event", "id", "text"])
        self.assertEqual(f"script id {said['id']}\n{said['text']}", script("check", "-", text=text))
        for verb in ("check", "explain"):
            for name, code in (("-", 65), ("/no/such/file", 3)):
                done = subprocess.run([WORLDB, "script", verb, name, "-o", "json"], input=b"key: ",
                                      capture_output=True, timeout=60, check=False)
                self.assertEqual(done.returncode, code, done)
                error = json.loads(done.stdout)
                self.assertEqual((error["event"], error["exit_code"]), ("error", code))

    def test_output_that_is_lost_is_a_failure(self):
        with open("/dev/full", "wb") as full:
            for words in (["check", "-"], ["explain", "nested", "-o", "svg"], ["--help"]):
                done = subprocess.run([WORLDB, "script", *words], input=b"key: 5 of all code: mds k=5",
                                      stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
                self.assertEqual(done.returncode, 6, done)
                self.assertIn(b"standard output", done.stderr)

    def test_each_script_of_the_page_compiles(self):
        page = pathlib.Path(__file__).resolve().parents[2] / "docs" / "scripts.md"
        texts = []
        for line in page.read_text().splitlines():
            if line.startswith("    key: "):
                texts.append("")
            if line.startswith(("    key: ", "    code: ", "    survives: ")):
                texts[-1] += line.strip() + "\n"
        self.assertEqual(len(texts), 4)
        for text in texts:
            with self.subTest(text=text):
                script("check", "-", *NAMES, text=text)

    def test_check_refuses_with_place_or_counterexample(self):
        for text, why in (
                ("key: 3 of all code: mds k=3",
                 "nodes virginia-1, virginia-2, virginia-3 could read: data center virginia alone"),
                ("key: 4 of all code: mds k=5",
                 "nodes virginia-1, virginia-2, virginia-3, frankfurt-1 may read but cannot rebuild"),
                ("key: 7 of all code: mds k=5", "without data center virginia, nodes frankfurt-1,"),
                ("key: 5 of all code: mds k=5 survives: any 5 nodes",
                 "without nodes virginia-1, virginia-2, virginia-3, frankfurt-1, frankfurt-2, nodes"),
                ("key: 5 of\nal", "line 2, column 1: found \"al\"; allowed here: \"all\", a data center"),
                ("key: 2 of toky\u00f6\n", "line 1, column 11: found \"toky\u00f6\"; allowed here"),
                ("key: " + "\u00f6" * 17, "found \"" + "\u00f6" * 16 + "...\""),
                ("key: 1 of (2 of (" + "tokyo-1, " * 8 + "tokyo-2), tokyo-1)",
                 "line 1, column 100: tokyo-1 stands in the key clause more than 8 times"),
        ):
            with self.subTest(text=text):
                self.assertIn(why, script("check", "-", *NAMES, text=text, code=65))
        self.assertIn("4096", script("check", "-", text="#" * 5000, code=2))
        script("check", "/no/such/file", code=3)
        script("check", ".", code=2)  # a directory
        script("check", "nested", code=3)  # no file of that name: the shipped one is not meant
        script("check", "-", "--names", "a,b", code=2)

    def test_explain_counts_the_rows_of_key_shares(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "mine.script"
            path.write_text("key: 1 of (2 of (2 of tokyo, 2 of virginia, 2 of frankfurt),\n"
                            "           3 of (tokyo-1, virginia-1, frankfurt-1))\n"
                            "code: mds k=3\n")
            table = script("explain", str(path), *NAMES)
            told = json.loads(script("explain", str(path), "-o", "json", *NAMES))
            self.assertIn("729 bytes stored for each value; rows: virginia-1 2, frankfurt-1 2, "
                          "tokyo-1 2, each other node 1", table)
            self.assertNotIn("lost for good", table)
            self.assertEqual([told["key_share_rows"][name] for name in ("tokyo-1", "tokyo-2")], [2, 1])
            self.assertEqual([told["key_share_bytes"], told["irreplaceable_key_shares"]], [729, []])
            self.assertEqual(told["smallest_reading_sets"], [["virginia-1", "frankfurt-1", "tokyo-1"]])
            # Two of the three votes are one node's, and there is no third beside the gate's own.
            path.write_text("key: 1 of (2 of (2 of tokyo, 2 of virginia, 2 of frankfurt),\n"
                            "           4 of (tokyo-1, tokyo-1, virginia-1, frankfurt-1))\n"
                            "code: mds k=3\n")
            self.assertIn("lost for good   a lost key share of node tokyo-1:",
                          script("explain", str(path), *NAMES))
        self.assertNotIn("key shares", script("explain", "nested", *NAMES))

    def test_explain_says_the_same_in_every_form(self):
        table = script("explain", "nested", "--subsets", *NAMES)
        for words in ("2.25 bytes", "256 of 512", "364 of 512", "any 3 nodes",
                      "any data center and 1 node in each other one", "27 of 4 nodes",
                      "nodes virginia-1, virginia-2, frankfurt-1, frankfurt-2", "5.05e-06"):
            self.assertIn(words, table)
        rows = [line for line in table.splitlines() if line[:3].strip("01") == "" and line[:1]]
        self.assertEqual(len(rows), 512)
        told = json.loads(script("explain", "nested", "--subsets", "-o", "json", *NAMES))
        self.assertEqual([told["event"], told["id"]], ["script", NESTED])
        self.assertEqual(sum(row["read"] for row in told["subsets"]), 256)
        self.assertEqual(sum(row["rebuild"] for row in told["subsets"]), 364)
        self.assertEqual(len(told["smallest_reading_sets"]), 27)
        self.assertEqual([row.split()[3:] for row in rows],
                         [["yes" if row["rebuild"] else "no", "yes" if row["read"] else "no"]
                          for row in told["subsets"]])
        picture = xml.etree.ElementTree.fromstring(script("explain", "flat", "-o", "svg", *NAMES))
        space = "{http://www.w3.org/2000/svg}"
        texts = " ".join(text.text for text in picture.iter(space + "text"))
        for name in ("virginia", "frankfurt-2", "tokyo-3", "126 of 5 nodes"):
            self.assertIn(name, texts)
        # Nine nodes, and nine dots for each smallest reading and blocking set.
        self.assertEqual(len(list(picture.iter(space + "circle"))), 9 + 9 * (126 + 126))

    def test_explain_takes_rates(self):
        told = json.loads(script("explain", "flat", "--node-failure", "1%", "--site-failure", "0",
                                 "-o", "json"))
        self.assertAlmostEqual(told["loss_probability"] / 1.2e-8, 1, delta=0.05)
        script("explain", "flat", "--node-failure", "101%", code=2)
        script("explain", "flat", "--subsets", "-o", "svg", code=2)

    def test_a_demo_keeps_scripts_and_namespaces(self):
        with tempfile.TemporaryDirectory(prefix="worldb-script-") as directory:
            root = pathlib.Path(directory)
            ledger = root / "ledger.script"
            ledger.write_text("key: 2 of (2 of (virginia-1, frankfurt-2, tokyo-3),\n"
                              "  2 of (virginia-2, frankfurt-3, tokyo-1),\n"
                              "  2 of (virginia-3, frankfurt-1, tokyo-2))\ncode: mds k=4\n")
            options = ["--script", f"ledger={ledger}", "--namespace", "ledger/=ledger"]
            written = {"ledger/1": "ledger", "plain": "nested", "ledger/2": "copy", "any": "ledger"}
            with demo_process.Demo(WORLDB, root / "data", options=options) as demo:
                for key, name in written.items():
                    named = ["--script", name] if key in ("ledger/2", "any") else []
                    demo.must("set", key, f"value of {key}", *named)
                unknown = demo.run("set", "x", "y", "--script", "leger")
                self.assertEqual(unknown.code, 2)
                self.assertIn("copy, flat, ledger, nested", unknown.err)
                demo.must("node", "stop", "frankfurt-2")
                for key in written:
                    self.assertEqual(demo.must("get", key).out.decode(), f"value of {key}")
            # It knows them without being told again, and takes no others under their names.
            with demo_process.Demo(WORLDB, root / "data", options=["--namespace", "log/=ledger"]) as demo:
                demo.must("set", "log/1", "more")
                written["log/1"] = "ledger"
                for key, name in written.items():
                    version = demo.must("history", key, "-o", "json").event("version")
                    self.assertEqual(version["script"], name, key)
            other = root / "other.script"
            other.write_text("key: 5 of all code: mds k=5")
            for options, why in ((["--script", f"ledger={other}"], "the script ledger is there already"),
                                 (["--namespace", "ledger/=flat"], 'the namespace "ledger/" is there'),
                                 (["--namespace", "x/=leger"], 'no script is named "leger"')):
                started = subprocess.run([WORLDB, "demo", "--port", "0", "--data", str(root / "data"),
                                          *options], capture_output=True, timeout=60, check=False)
                self.assertIn(started.returncode, (1, 2))
                self.assertIn(why, started.stderr.decode())
                self.assertNotIn("\\x0a", started.stderr.decode())
                if "already" in why:  # the two scripts, line by line
                    self.assertRegex(started.stderr.decode(), r" says\n        key: .*\n        code: ")


if __name__ == "__main__":
    unittest.main(verbosity=2)
