"""Clients that load a cell over gRPC, remember all they were told, and hold the cell to it.

The rules are those of tests/support/witness.h: a final outcome never changes, WON below SAFE may only
become VOID or PERISHED, no level is taken back, what was told SAFE reads back byte for byte, every op
ends in one final outcome and makes at most one version, versions are dense.
"""

import concurrent.futures
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.environ["WORLDB_PYTHON_STUBS"])

import grpc  # noqa: E402
from worldb.v1 import (key_value_pb2, key_value_pb2_grpc, tickets_pb2, tickets_pb2_grpc,  # noqa: E402
                       types_pb2)

HELD, SAFE, FULL = types_pb2.LEVEL_HELD, types_pb2.LEVEL_SAFE, types_pb2.LEVEL_FULL
WON, VOID, PERISHED = types_pb2.OUTCOME_WON, types_pb2.OUTCOME_VOID, types_pb2.OUTCOME_PERISHED
PENDING = types_pb2.OUTCOME_PENDING
# The call knows nothing of the outcome, or the cell is not well: try again.
PASSING = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED,
           grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.CANCELLED)
CALL_SECONDS = 15
PATIENCE_SECONDS = 120
PARALLEL = 48
HOT_KEYS = 12


def new_op_id():
    """A UUID of version 7."""
    value = int(time.time() * 1000) << 80 | random.getrandbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    return (value & ~(0x3 << 62) | 0x2 << 62).to_bytes(16, "big")


def content_of(decision):
    """What may never change of a decision; its certificate may be refuted later."""
    rival = decision.rival
    return (decision.outcome, decision.version, rival.op_id, rival.stamp.midpoint_unix_nanoseconds,
            rival.stamp.node, decision.margin_nanoseconds, decision.ambiguous,
            decision.present_version)


class Op:
    def __init__(self, key, value):
        self.key = key
        self.value = value
        self.op_id = new_op_id()
        self.attempts = 0
        self.ticket = ""
        self.home = ""
        self.decided = None  # content_of
        self.level = types_pb2.LEVEL_UNSPECIFIED

    def __repr__(self):
        decided = "undecided"
        if self.decided:
            decided = f"{types_pb2.Outcome.Name(self.decided[0])} version {self.decided[1]}"
        return (f"op {self.op_id.hex()} ({self.key.decode()}, {len(self.value)} bytes, {decided}, "
                f"{types_pb2.Level.Name(self.level)})")

    @property
    def won(self):
        return self.decided is not None and self.decided[0] == WON


class Witness:
    def __init__(self):
        self.ops = []
        self.complaints = []
        self.told_count = 0
        self.within_reach = FULL  # no level above it can be true now
        self.mutex = threading.Condition()
        self.pool = concurrent.futures.ThreadPoolExecutor(PARALLEL)
        self.loading = threading.Event()
        self.load = []
        self.channels = []

    # ------------------------------------------------------------------ calls

    def connect(self, endpoints):
        self.disconnect()
        options = [("grpc.max_receive_message_length", (4 << 20) + (64 << 10))]
        self.channels = [grpc.insecure_channel(e, options) for e in endpoints]

    def disconnect(self):
        for channel in self.channels:
            channel.close()
        self.channels = []

    def complain(self, text):
        with self.mutex:
            self.complaints.append(text)

    def set(self, op, until=SAFE, channel=None, seconds=CALL_SECONDS):
        """One try of `op`. Returns the error that ended it, or None."""
        with self.mutex:
            attempt = op.attempts
            op.attempts += 1
        request = key_value_pb2.SetRequest(key=op.key, value=op.value, op_id=op.op_id, until=until,
                                           attempt=attempt)
        stub = key_value_pb2_grpc.KeyValueStub(channel or random.choice(self.channels))
        try:
            for event in stub.Set(request, timeout=seconds):
                self.hear(op, event)
            return None
        except grpc.RpcError as error:
            if error.code() not in PASSING and error.code() != grpc.StatusCode.FAILED_PRECONDITION:
                self.complain(f"{op}: {error.code()} {error.details()}")
            return error

    def hear(self, op, event):
        with self.mutex:
            self.told_count += 1
            self.mutex.notify_all()
            if event.HasField("accepted"):
                op.ticket = event.accepted.ticket
                op.home = event.accepted.home_data_center
            elif event.HasField("decided"):
                self.compare(op, content_of(event.decided), op.level)
            else:
                op.level = max(op.level, event.level.level)
                if op.level > self.within_reach:
                    self.complaints.append(f"{op} is out of reach of that level")

    def compare(self, op, now, level):
        """REQUIRES: the mutex is held."""
        if op.decided is None or (op.won and op.level < SAFE and now[0] in (VOID, PERISHED)):
            op.decided = now
        elif op.decided != now:
            self.complaints.append(f"{op} was told {op.decided}, now {now}")
        if level < op.level:
            self.complaints.append(f"{op}: level taken back to {types_pb2.Level.Name(level)}")
        op.level = max(op.level, level)

    def ask(self, call):
        """`call` of a channel, tried on one node after the other while the cell is not well."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return call(random.choice(self.channels))
            except grpc.RpcError as error:
                if error.code() not in PASSING or time.monotonic() > deadline:
                    raise

    def each(self, function, items):
        return list(self.pool.map(function, items))

    # ------------------------------------------------------------------ load

    def start_load(self, chooser=None, until=SAFE, threads=PARALLEL):
        """`chooser` names the op that a thread of this number sets next."""
        self.loading.set()
        self.load = [threading.Thread(target=self.load_on, args=(chooser or self.any_op, i, until))
                     for i in range(threads)]
        for thread in self.load:
            thread.start()

    def stop_load(self):
        """Takes no new op; those under way go on until their calls end."""
        self.loading.clear()

    def join_load(self):
        for thread in self.load:
            thread.join()
        self.load = []

    def load_on(self, chooser, number, until):
        while self.loading.is_set():
            self.set(chooser(number), until)

    def new_op(self, key):
        size = random.choices((random.randrange(600), random.randrange(16_000, 70_000), 300_000),
                              (95, 4, 1))[0]
        op = Op(key.encode(), os.urandom(size))
        with self.mutex:
            self.ops.append(op)
        return op

    def any_op(self, _):
        if self.ops and random.random() < 0.05:  # as a client does that was not answered in time
            return random.choice(self.ops[-200:])
        if random.random() < 0.5:
            return self.new_op(f"fresh-{random.getrandbits(64):x}")
        return self.new_op(f"hot-{random.randrange(HOT_KEYS)}")

    def await_told(self, count, seconds=60):
        """Until `count` more events were told."""
        with self.mutex:
            goal = self.told_count + count
            assert self.mutex.wait_for(lambda: self.told_count >= goal, seconds), "nothing is told"

    # ------------------------------------------------------------------ judging

    def probe(self, count):
        """LATEST of some keys that were told SAFE."""
        newest = {}
        for op in self.ops:
            if op.won and op.level >= SAFE:
                newest[op.key] = max(newest.get(op.key, 0), op.decided[1])
        by_id = {op.op_id: op for op in self.ops}

        def read(item):
            key, version = item
            try:
                reply = self.ask(lambda channel: key_value_pb2_grpc.KeyValueStub(channel).Get(
                    key_value_pb2.GetRequest(key=key), timeout=CALL_SECONDS))
            except grpc.RpcError as error:
                return self.complain(f"{key}: version {version} was told SAFE, LATEST says {error}")
            op = by_id.get(reply.op_id)
            if reply.version < version:
                self.complain(f"{key}: LATEST went back from version {version} to {reply.version}")
            if op is None or op.key != key or op.value != reply.value:
                self.complain(f"{key}: version {reply.version} is not what {op} set")

        self.each(read, random.sample(sorted(newest.items()), min(count, len(newest))))

    def end_ops(self):
        """Tries every op again that was not told its outcome. Returns how many there were."""
        open_ops = [op for op in self.ops if op.decided is None]

        def end(op):
            deadline = time.monotonic() + PATIENCE_SECONDS
            while op.decided is None:
                error = self.set(op)
                if op.decided is None and time.monotonic() > deadline:
                    self.complain(f"{op} has no end: {error}")
                    return

        self.each(end, open_ops)
        return len(open_ops)

    def judge_tickets(self, ops, until=None):
        """Asks what became of `ops`; waits for a final end, and a win at level `until`, if given."""
        def judge(op):
            deadline = time.monotonic() + PATIENCE_SECONDS
            while True:
                try:
                    now = self.ask(lambda channel: tickets_pb2_grpc.TicketsStub(channel).Get(
                        tickets_pb2.GetTicketRequest(ticket=op.ticket), timeout=CALL_SECONDS))
                except grpc.RpcError as error:
                    return self.complain(f"{op} has a ticket without an end: {error}")
                if now.decision.outcome != PENDING:
                    with self.mutex:
                        self.compare(op, content_of(now.decision), now.level)
                elif op.decided is not None:
                    return self.complain(f"{op} is pending again")
                ended = now.final and (now.decision.outcome != WON or now.level >= (until or SAFE))
                if until is None or ended:
                    return None
                if time.monotonic() > deadline:
                    return self.complain(f"{op} has not come to its end")

        self.each(judge, ops)

    def judge_versions(self, level=SAFE):
        """Versions are dense, one op each, and those at `level` read back byte for byte."""
        versions = {}
        for op in self.ops:
            if op.decided is not None and op.decided[0] in (WON, VOID):
                other = versions.setdefault(op.key, {}).setdefault(op.decided[1], op)
                if other is not op:
                    self.complain(f"{op} and {other} won the same version")
        for key, won in versions.items():
            if sorted(won) != list(range(1, len(won) + 1)):
                self.complain(f"{key}: versions {sorted(won)} are not dense")

        def read(op):
            request = key_value_pb2.GetRequest(key=op.key, mode=key_value_pb2.READ_MODE_VERSION,
                                               version=op.decided[1])
            try:
                reply = self.ask(lambda channel: key_value_pb2_grpc.KeyValueStub(channel).Get(
                    request, timeout=CALL_SECONDS))
            except grpc.RpcError as error:
                return self.complain(f"{op} reads as {error}")
            if (reply.value, reply.op_id) != (op.value, op.op_id):
                self.complain(f"{op} reads as {len(reply.value)} bytes of {reply.op_id.hex()}")

        safe = [op for op in self.ops if op.won and op.level >= level]
        self.each(read, safe)
        return len(safe)

    def close(self):
        self.stop_load()
        self.join_load()
        self.pool.shutdown()
        self.disconnect()
