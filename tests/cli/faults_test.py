#!/usr/bin/env python3
"""Every fault and every exit code, as a person at the command line meets them.

Goal:   what each command prints and exits with when something is wrong: a word that cannot be right,
        a lost race, a deadline, a cancelled call, stopped nodes, a data center that is OUT, damaged,
        missing and unreadable shares, a full disk.
Method: real commands against a real demo and its real files; what they said is compared, line by line,
        with faults_transcript.txt. Times, ids, tickets and ports are replaced by words.
        WORLDB_UPDATE_TRANSCRIPT=1 writes the transcript anew: read what changed before committing it.
        A step that chance can spoil, such as a race, is taken again until it is the one the story is
        about; nothing else is. Where no file system may be mounted, the full disk is left out.
"""

import difflib
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import tempfile
import unittest
import uuid

import demo_process
import transcript
import witness
from worldb.v1 import cluster_pb2, cluster_pb2_grpc, key_value_pb2, key_value_pb2_grpc, types_pb2

import grpc

WORLDB = os.environ["WORLDB_BINARY"]
EXPECTED = pathlib.Path(__file__).with_name("faults_transcript.txt")
UPDATE = os.environ.get("WORLDB_UPDATE_TRANSCRIPT") == "1"
# docs/ticket-format.md, "Example".
FOREIGN_TICKET = "wt1_wcHBwQEDAqqqqqqqqqqqqqqqqqqqqqp3d3d3d3d3d3d3d3d3d3d3ZlbAIgor9ImpE0wAXEVQMQ"
UNREADABLE = "/proc/sys/vm/compact_memory"  # not even root may read it
TOKYO = [n for n in demo_process.NODES if n.startswith("tokyo")]
FULL_DISK = "A full disk under one node"
FREE_BYTES = 10 << 20
ATTEMPTS = 10
PREFACE = """\
Every fault and every exit code, at the command line.

Written by faults_test.py: `$` is a command, then come its standard output, its standard error (`!`) and
what it exited with (`=`). `via NODE` talks to that node alone, otherwise all nine are tried in order.
TICKET-1, OP-1, TIME, SPAN, <node> and the like stand for what differs from run to run; "..." for lines
left out.
"""


class FaultsTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="worldb-faults-")
        self.addCleanup(self.directory.cleanup)
        self.root = pathlib.Path(self.directory.name)
        # A window that stays: a deadline can be put inside it.
        self.demo = demo_process.Demo(WORLDB, self.root / "data", window="600ms..600ms")
        self.addCleanup(self.demo.kill)
        self.story = transcript.Transcript()
        self.story.name(FOREIGN_TICKET, "TICKET-OF-ANOTHER-CELL")
        self.story.name(str(self.root), "DIR")
        self.skipped = None
        self.channels = []
        self.value = self.root / "value"
        self.value.write_bytes(os.urandom(400_000))

    # ------------------------------------------------------------------ telling

    def start(self):
        self.demo.start()
        for node in demo_process.NODES:
            self.story.name(self.demo.endpoint(node), f"<{node}>")
        options = [("grpc.max_receive_message_length", (4 << 20) + (64 << 10))]
        self.channels = [grpc.insecure_channel(e, options) for e in self.demo.endpoints]

    def stop(self):
        for channel in self.channels:
            channel.close()
        self.assertEqual(self.demo.stop(), 0)

    def key(self, name, home="frankfurt", length=0):
        """A new key of at least `length` bytes, at home in that data center; told as `name`."""
        stub = cluster_pb2_grpc.ClusterStub(self.channels[0])
        for number in range(1000):
            key = f"{name}-{number}".ljust(length, "-")
            found = stub.Locate(cluster_pb2.LocateRequest(key=key.encode())).home_data_center
            if key not in self.story.names and found == home:
                self.story.name(key, name)
                return key
        raise AssertionError(f"no key at home in {home}")

    def tell(self, result, code, *arguments, via=None, wait=None, only=None):
        """`code`: None where the transcript alone says it."""
        self.assertEqual(result.code, result.code if code is None else code, result)
        command = " ".join(["worldb", *(shlex.quote(a) for a in arguments)])
        if via:
            command += f"      via {via}"
        self.story.step(command, result.out.decode(), result.err, f"exit {result.code}", wait, only)
        return result

    def run_told(self, code, *arguments, via=None, **how):
        """One command and its end, into the transcript."""
        return self.tell(self.demo.run(*arguments, via=via), code, *arguments, via=via, **how)

    def ticket_in(self, text):
        return transcript.TICKET.search(text).group()

    # ------------------------------------------------------------------ the story

    def usage(self):
        self.story.section("A key, a value or a word that cannot be right: exit 2")
        self.run_told(2, "set", "", "v")
        self.story.name("k" * 1025, "KEY-OF-1025-BYTES")
        self.run_told(2, "set", "k" * 1025, "v")
        self.run_told(0, "set", self.key("KEY-OF-1024-BYTES", length=1024), "v", wait="SAFE")
        large = self.root / "4-mib-and-1-byte"
        large.write_bytes(bytes((4 << 20) + 1))
        self.run_told(2, "set", "large", f"@{large}")
        self.run_told(2, "set", "k", "v", "--script", "mirror")
        self.run_told(2, "set", "k", "v", "--wait", "forever")
        self.run_told(2, "ticket", "get", "wt1_nonsense")
        self.run_told(2, "ticket", "get", FOREIGN_TICKET)
        self.run_told(2, "get")

    def not_there(self):
        self.story.section("Nothing there: exit 3")
        self.run_told(3, "get", "never-set")
        key = self.key("versions")
        self.run_told(0, "set", key, "v", wait="SAFE")
        self.run_told(3, "get", key, "--version", "9")
        self.run_told(0, "delete", key, wait="SAFE")
        self.run_told(3, "get", key)
        self.run_told(0, "get", key, "--version", "1")
        self.run_told(3, "set", "k", "@/no/such/file")
        self.run_told(3, "node", "stop", "atlantis-1")

    def not_allowed(self):
        self.story.section("Not allowed: exit 5",
                           "Until there are client identities, only the machine itself forbids anything.")
        self.run_told(5, "set", "k", f"@{UNREADABLE}")

    def failed(self):
        self.story.section("Another reason: exit 1")
        self.run_told(1, "demo", "--port", "0", "--data", str(self.demo.data))

    def lost_race(self):
        """One writer from afar, then another one next to the home: the later stamp loses."""
        for _ in range(ATTEMPTS):
            key = self.key("race", home="virginia")
            arguments = ("set", key, "from Tokyo")
            first = subprocess.Popen([WORLDB, *arguments, "--endpoints", self.demo.endpoint("tokyo-1")],
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
            accepted = first.stdout.readline()
            second = self.demo.run("set", key, "from Virginia", via="virginia-1")
            out, err = first.communicate(timeout=60)
            first = demo_process.Result(first.returncode, accepted + out, err)
            if b"LOST" in second.out and first.code == 0:
                self.tell(first, 0, *arguments, via="tokyo-1", wait="SAFE")
                self.tell(second, 4, "set", key, "from Virginia", via="virginia-1")
                self.run_told(4, "ticket", "wait", self.ticket_in(second.out.decode()))
                self.run_told(0, "get", key)
                return
        self.fail("the second writer never lost")

    def set_tagged(self, key, value, op_id, tag):
        request = key_value_pb2.SetRequest(key=key.encode(), value=value, op_id=op_id, attempt=1,
                                           content_tag=tag * 16, until=types_pb2.LEVEL_ACCEPTED)
        stub = key_value_pb2_grpc.KeyValueStub(self.channels[0])
        said = (f"gRPC KeyValue.Set key {key}, value {value.decode()!r}, op id {uuid.UUID(bytes=op_id)}, "
                f"content tag 16 x {tag.decode()}")
        try:
            events = list(stub.Set(request, timeout=30))
            self.story.step(said, f"ACCEPTED {events[0].accepted.ticket}\n", "", "status OK")
        except grpc.RpcError as error:
            details = dict(error.trailing_metadata())["grpc-status-details-bin"]
            self.assertIn(b"OP_ID_REUSED", details)
            self.story.step(said, "", f"OP_ID_REUSED: {error.details()}\n",
                            f"status {error.code().name}")

    def lost(self):
        self.story.section("Lost, or against what is on record: exit 4")
        self.lost_race()
        self.story.section("A base, an op id or a content that is not the one on record: exit 4")
        key = self.key("first")
        self.run_told(0, "set", key, "v", "--base", "absent", wait="SAFE")
        self.run_told(4, "set", key, "w", "--base", "absent")
        self.run_told(4, "set", key, "w", "--base", "7")
        op = str(uuid.UUID(bytes=witness.new_op_id()))
        key = self.key("once")
        self.story.say("The same op id again is the same write: one ticket, one version.")
        for _ in range(2):
            self.run_told(0, "set", key, "v", "--op-id", op, "--wait", "full", wait="FULL")
        self.run_told(0, "history", key)
        self.run_told(4, "set", key, "v", "--op-id", "01000000-0000-7000-8000-000000000000")
        self.story.say("A client that names its content by a tag hears of a mix-up. The command does not, "
                       "for it names none.")
        op = witness.new_op_id()
        key = self.key("tagged")
        self.set_tagged(key, b"v", op, b"A")
        self.set_tagged(key, b"v", op, b"A")
        self.set_tagged(key, b"w", op, b"B")

    def out_of_time(self):
        self.story.section("Time is up before the outcome: exit 7")
        self.story.say("Too short to reach the home and come back. The ticket tells how it ends.")
        for _ in range(ATTEMPTS):
            key = self.key("hasty", home="tokyo")
            result = self.demo.run("set", key, "v", "--timeout", "70ms", via="frankfurt-1")
            self.assertEqual((result.code, result.out), (7, b""), result)
            if "wt1_" in result.err:
                break
        self.tell(result, 7, "set", key, "v", "--timeout", "70ms", via="frankfurt-1")
        self.run_told(0, "ticket", "wait", self.ticket_in(result.err), "--until", "full")
        self.story.say("On record, but shorter than the window.")
        for _ in range(ATTEMPTS):
            key = self.key("impatient", home="virginia")
            result = self.demo.run("set", key, "v", "--timeout", "400ms", via="virginia-1")
            self.assertEqual(result.code, 7, result)
            if b"ACCEPTED" in result.out:
                break
        self.tell(result, 7, "set", key, "v", "--timeout", "400ms", via="virginia-1")
        ticket = self.ticket_in(result.out.decode())
        self.run_told(0, "ticket", "wait", ticket, "--until", "full", via="tokyo-2")

    def cancelled(self):
        self.story.section("A call that is cut off with Ctrl-C", "It ends the command, never the write.")
        key = self.key("cut-off", home="virginia")
        arguments = ["set", key, "v", "--wait", "full"]
        process = subprocess.Popen([WORLDB, *arguments, "--endpoints", self.demo.endpoint("virginia-1")],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        said = process.stdout.readline() + process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, -signal.SIGINT)
        self.story.step(" ".join(["worldb", *arguments]) + "      via virginia-1", said.decode(), "^C\n",
                        "ended by SIGINT")
        self.run_told(0, "ticket", "wait", self.ticket_in(said.decode()), "--until", "full")
        self.story.say("Cut off before a ticket came: only whoever had named the op id can go on.")
        key = self.key("cut-off-early", home="tokyo")
        op = str(uuid.UUID(bytes=witness.new_op_id()))
        arguments = ["set", key, "v", "--op-id", op, "--wait", "full"]
        process = subprocess.Popen([WORLDB, *arguments, "--endpoints", self.demo.endpoint("virginia-1")],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.story.step(" ".join(["worldb", *arguments]) + "      via virginia-1", "", "^C\n",
                        "ended by SIGINT")
        self.run_told(0, *arguments, wait="FULL")
        self.run_told(0, "history", key)

    def nobody(self):
        self.story.section("Nobody there: exit 6")
        for arguments in (["set", "k", "v"], ["get", "k"], ["list"], ["status"]):
            self.run_told(6, *arguments, "--endpoints", "127.0.0.1:1")

    def one_node_down(self):
        self.story.section("One node stopped: exit 8 and exit 9")
        key = self.key("one-down", home="virginia")
        self.run_told(0, "node", "stop", "tokyo-3")
        self.run_told(8, "status", only="no answer")
        result = self.run_told(9, "set", key, "v", "--wait", "full", "--timeout", "3s", wait="FULL")
        self.run_told(0, "node", "start", "tokyo-3")
        self.run_told(0, "ticket", "wait", self.ticket_in(result.out.decode()), "--until", "full",
                      "--timeout", "60s")
        self.run_told(0, "status", only="no answer")

    def two_nodes_down(self):
        self.story.section("Two nodes of a home stopped: exit 6, of a write exit 7",
                           "One node cannot judge alone: its keys wait. Writes of other homes reach HELD: SAFE "
                           "wants two shares in each data center.")
        key, other = self.key("at-home-in-tokyo", home="tokyo"), self.key("elsewhere", home="virginia")
        self.demo.must("set", key, "the value", "--wait", "full")
        self.run_told(0, "node", "stop", "tokyo-2")
        self.run_told(0, "node", "stop", "tokyo-3")
        self.run_told(7, "set", key, "w", "--timeout", "3s")
        self.run_told(6, "get", key, "--timeout", "3s")
        self.run_told(0, "get", key, "--surviving")
        self.run_told(0, "set", other, "w", "--wait", "held", wait="HELD")
        self.story.vague = True  # the share of tokyo-1 comes before or after that word
        result = self.run_told(9, "set", other, "w", "--timeout", "2s", wait="SAFE")
        self.story.vague = False
        for node in ("tokyo-2", "tokyo-3"):
            self.run_told(0, "node", "start", node)
        self.run_told(0, "ticket", "wait", self.ticket_in(result.out.decode()), "--until", "full",
                      "--timeout", "60s")
        demo_process.eventually(lambda: self.demo.run("set", key, "settled").code == 0)

    def data_center_out(self):
        self.story.section("A data center is OUT: exit 9, and its own keys wait")
        key, silent = self.key("stays", home="virginia"), self.key("silent", home="tokyo")
        demo_process.eventually(lambda: self.demo.run("set", silent, "the value").code == 0)
        for node in TOKYO:
            self.run_told(0, "node", "stop", node)
        demo_process.eventually(lambda: "tokyo is OUT for the logs of frankfurt and virginia" in
                                self.demo.run("status").out.decode())
        self.run_told(8, "status", only="no answer|OUT")
        self.run_told(0, "set", key, "v", "--wait", "held", wait="HELD")
        result = self.run_told(9, "set", key, "w", "--wait", "safe", "--timeout", "4s", wait="SAFE")
        ticket = self.ticket_in(result.out.decode())
        self.run_told(9, "ticket", "wait", ticket, "--timeout", "2s")
        self.run_told(0, "ticket", "get", ticket)
        self.run_told(0, "get", key)
        self.run_told(0, "history", key, "--limit", "1")
        self.run_told(None, "set", silent, "w", "--timeout", "3s")
        self.run_told(6, "get", silent, "--timeout", "3s")
        self.run_told(0, "get", silent, "--surviving")
        self.run_told(6, "list", "--timeout", "2s")
        self.story.say("It comes back, and what was HELD becomes SAFE.")
        for node in TOKYO:
            self.run_told(0, "node", "start", node)
        self.demo.must("ticket", "wait", ticket, "--until", "full", "--timeout", "60s")
        self.run_told(0, "ticket", "get", ticket)
        demo_process.eventually(lambda: "OUT" not in self.demo.must("status").out.decode())
        self.run_told(0, "status", only="no answer|OUT")

    # ------------------------------------------------------------------ what disks do

    def store(self, node):
        return self.demo.data / "nodes" / node / "store"

    def stop_with_tables(self, node):
        """Stopped, with its rows in tables: a store writes them when it opens what its log still has."""
        self.demo.must("node", "stop", node)
        self.demo.must("node", "start", node)
        self.demo.must("node", "stop", node)

    def flip(self, node):
        """A bit every 10,000 bytes of the files with fragments. Returns how many files."""
        files = list(self.store(node).glob("*.segment"))
        for path in files:
            content = bytearray(path.read_bytes())
            for at in range(5_000, len(content), 10_000):
                content[at] ^= 1
            path.write_bytes(content)
        return len(files)

    def read_past(self, node, key, words, damage, *how):
        """A read that meets the damage: it has to come before the node finds it by itself."""
        for _ in range(ATTEMPTS):
            self.stop_with_tables(node)
            damage()
            self.demo.must("node", "start", node, *how)
            result = self.demo.must("get", key, "--out", str(self.root / "out"), via=node)
            if words in result.err:
                break
        self.assertIn(words, result.err)
        self.assertEqual((self.root / "out").read_bytes(), self.value.read_bytes())
        self.tell(result, 0, "get", key, "--out", str(self.root / "out"), via=node)
        self.story.say("A moment later the node has repaired its share with the help of the others.")

        def repaired():
            result = self.demo.must("get", key, "-o", "json", via=node).event("value")
            return not result["rejected_shares"] and node in result["read_from"]

        demo_process.eventually(repaired)
        self.run_told(0, "get", key, "--out", str(self.root / "out"), via=node)

    def damaged(self):
        node = "tokyo-1"
        key = self.key("damaged", home="tokyo")
        self.story.section("A damaged share", "Reading passes over it and says so.")
        self.run_told(0, "set", key, f"@{self.value}", "--wait", "full", wait="FULL")
        self.story.say(f"While {node} is stopped, bits of its fragment on disk are flipped.")
        self.read_past(node, key, "its fragment is not readable",
                       lambda: self.assertGreater(self.flip(node), 0))

        self.story.section("A damaged table, and a store that is gone: exit 65",
                           "A node does not start on a store whose files are damaged.")
        self.stop_with_tables(node)
        for path in self.store(node).glob("*.sst"):
            os.truncate(path, path.stat().st_size // 2)
        self.story.say(f"While {node} is stopped, its tables are cut in half.")
        self.run_told(65, "node", "start", node)
        self.run_told(0, "get", key, "--out", str(self.root / "out"))
        self.story.say("Its store is deleted. It starts on an empty one only when told so, and gets its shares anew.")
        shutil.rmtree(self.store(node))
        self.run_told(1, "node", "start", node)
        self.run_told(0, "node", "start", node, "--new-disk")
        self.read_past(node, key, "missing, though the node signed for it",
                       lambda: shutil.rmtree(self.store(node)), "--new-disk")

        self.story.section("Bytes that are not those that were set: exit 65",
                           "`bench get` knows each byte it expects; with another seed it expects others.")
        bench = ("bench", "get", "--ops", "6", "--keys", "3", "--size", "1K", "--warmup", "0")
        self.run_told(0, *bench, only="^$")
        self.run_told(65, *bench, "--no-fill", "--seed", "2", only="^$")

    def all_damaged(self):
        self.story.section("Every share of a value damaged: exit 6",
                           "Nothing is returned, each bad share is named.")
        key = self.key("all-damaged")
        self.run_told(0, "set", key, f"@{self.value}", "--wait", "full", wait="FULL")
        self.stop()
        self.demo.start()
        self.demo.stop()
        for node in demo_process.NODES:
            self.assertGreater(self.flip(node), 0)
        self.start()
        demo_process.eventually(lambda: "9 nodes that answered" in self.demo.run("get", key).err)
        self.run_told(6, "get", key)
        self.run_told(0, "history", key)

    def full_disk(self):
        node = "frankfurt-2"
        self.story.section(FULL_DISK, "The others go on, and what it missed comes when there is space.")
        key = self.key("full-disk", home="virginia")
        self.demo.must("node", "stop", node)
        store, kept = self.store(node), self.root / "kept"
        store.rename(kept)
        store.mkdir(mode=0o700)
        size = FREE_BYTES + sum(p.stat().st_size for p in kept.iterdir())
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(store)],
                               capture_output=True, check=False)
        if mount.returncode != 0:
            store.rmdir()
            kept.rename(store)
            self.demo.must("node", "start", node)
            self.story.sections.pop()
            self.skipped = FULL_DISK
            print(f"left out: {FULL_DISK}: {mount.stderr.decode().strip()}")
            return
        self.addCleanup(subprocess.run, ["umount", "-l", str(store)], check=False)
        self.addCleanup(self.demo.kill)  # before that
        for path in kept.iterdir():
            shutil.copy2(path, store)
        self.demo.must("node", "start", node)
        ballast = store / "ballast"
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        result = self.run_told(9, "set", key, f"@{self.value}", "--wait", "full", "--timeout", "3s",
                               wait="FULL")
        self.run_told(0, "get", key, "--out", str(self.root / "out"), via=node)
        self.run_told(0, "set", key, "w", wait="SAFE", via=node)
        self.story.say(f"There is space again on {node}.")
        ballast.unlink()
        self.run_told(0, "ticket", "wait", self.ticket_in(result.out.decode()), "--until", "full",
                      "--timeout", "60s")

    def test_transcript(self):
        self.start()
        self.usage()
        self.not_there()
        self.lost()
        self.not_allowed()
        self.failed()
        self.out_of_time()
        self.cancelled()
        self.nobody()
        self.one_node_down()
        self.two_nodes_down()
        self.data_center_out()
        self.damaged()
        self.all_damaged()
        self.full_disk()  # last: without it no other number changes
        self.stop()
        told = self.story.text(PREFACE)
        if UPDATE:
            self.assertIsNone(self.skipped, "a section is missing: the transcript stays as it was")
            EXPECTED.write_text(told)
            return
        expected = EXPECTED.read_text()
        if self.skipped:
            expected = transcript.without(expected, self.skipped)
        diff = "".join(difflib.unified_diff(expected.splitlines(True), told.splitlines(True),
                                            EXPECTED.name, "this run"))
        self.assertEqual(diff, "", f"\n{diff}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
