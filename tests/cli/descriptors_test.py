#!/usr/bin/env python3
"""Connections that take every descriptor make no endpoint deaf.

Goal:   while more clients connect than the process may have descriptors, those there is no room for are turned away
        at once, health checks say NOT_SERVING, and whoever is connected can still write; when they are gone, all nine
        endpoints answer.
Method: a real demo under a low limit of descriptors, and plain TCP connections that say nothing, spread over its nine
        ports, more than that limit. Channels opened before ask meanwhile.
"""

import os
import pathlib
import resource
import socket
import tempfile
import unittest

import demo_process
import witness

WORLDB = os.environ["WORLDB_BINARY"]
DESCRIPTORS = 400
CONNECTIONS = 540  # 60 for each endpoint
SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"  # grpc.health.v1.HealthCheckResponse


class DescriptorsTest(unittest.TestCase):
    def setUp(self):
        # This side of the connections takes descriptors, too.
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        directory = tempfile.TemporaryDirectory(prefix="worldb-cli-")
        self.addCleanup(directory.cleanup)
        self.demo = demo_process.Demo(WORLDB, pathlib.Path(directory.name) / "data", descriptors=DESCRIPTORS)
        self.addCleanup(self.demo.kill)
        self.witness = witness.Witness()
        self.addCleanup(self.witness.close)

    def health(self):
        return [check(b"", timeout=10) for check in self.checks]

    def connect(self, endpoint):
        host, port = endpoint.split(":")
        connection = socket.create_connection((host, int(port)), timeout=10)
        self.addCleanup(connection.close)
        connection.setblocking(False)
        return connection

    @staticmethod
    def is_closed(connection):
        """By the other side; whatever it says before is taken off."""
        try:
            while connection.recv(4096):
                pass
            return True
        except BlockingIOError:
            return False
        except ConnectionError:
            return True

    def all_answer(self):
        """All nine, each asked in a connection of its own."""
        status = self.demo.run("status", "-o", "json", "--timeout", "5s")
        return [node.get("node") for node in status.events()] == demo_process.NODES

    def test_endpoints_answer_again(self):
        w = self.witness
        self.demo.start()
        w.connect(self.demo.endpoints)
        self.checks = [channel.unary_unary("/grpc.health.v1.Health/Check") for channel in w.channels]
        demo_process.eventually(lambda: self.health() == [SERVING] * 9)

        connections = [self.connect(self.demo.endpoints[i % 9]) for i in range(CONNECTIONS)]
        demo_process.eventually(lambda: any(map(self.is_closed, connections)))
        demo_process.eventually(lambda: self.health() == [NOT_SERVING] * 9)
        ops = [w.new_op(f"key-{number}") for number in range(9)]
        errors = [w.set(op, until=witness.FULL, channel=channel, seconds=60) for op, channel in zip(ops, w.channels)]
        self.assertEqual(errors, [None] * 9)

        for connection in connections:
            connection.close()
        demo_process.eventually(self.all_answer)
        demo_process.eventually(lambda: self.health() == [SERVING] * 9)
        w.judge_versions()
        self.assertEqual(w.complaints, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
