"""A running `worldb demo`, and the worldb commands run against it."""

import json
import os
import pathlib
import re
import resource
import select
import signal
import subprocess
import time

NODES = [f"{dc}-{i}" for dc in ("virginia", "frankfurt", "tokyo") for i in (1, 2, 3)]
START_SECONDS = 60
STOP_SECONDS = 60


class Result:
    """What one command said and how it ended."""

    def __init__(self, code, out, err):
        self.code = code
        self.out = out  # bytes
        self.err = err.decode(errors="replace")

    def events(self):
        return [json.loads(line) for line in self.out.decode().splitlines()]

    def event(self, name):
        return next(e for e in self.events() if e["event"] == name)

    def __repr__(self):
        return f"exit {self.code}\nstdout: {self.out[:6000]!r}\nstderr: {self.err}"


class Demo:
    def __init__(self, worldb, data, window="20ms..1s", options=(), descriptors=None):
        self.worldb = worldb
        self.data = pathlib.Path(data)
        self.window = window
        self.options = options  # any others of `worldb demo`
        self.descriptors = descriptors  # how many the process may have, or no other limit than ours
        self.process = None
        self.said = ""  # at its start
        self.endpoints = []  # of all nodes in order, without those of a data center that is OUT
        self.places = {}  # node to endpoint

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def launch(self):
        """Starts the process and waits for nothing."""
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.descriptors, self.descriptors))

        self.process = subprocess.Popen(
            [self.worldb, "demo", "--port", "0", "--data", str(self.data), "--window", self.window,
             *self.options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=limit if self.descriptors else None)

    def await_output(self, seconds):
        """Until it says something, for at most `seconds`."""
        select.select([self.process.stdout], [], [], seconds)

    def start(self):
        self.launch()
        deadline = time.monotonic() + START_SECONDS
        said = b""
        while b"\nReady." not in said:
            left = deadline - time.monotonic()
            readable, _, _ = select.select([self.process.stdout], [], [], max(left, 0))
            block = os.read(self.process.stdout.fileno(), 65536) if readable else b""
            if not block:
                self.process.kill()
                _, err = self.process.communicate()
                raise AssertionError(f"the demo did not get ready: {said!r} {err!r}")
            said += block
        self.endpoints = re.search(rb"WORLDB_ENDPOINTS=(\S+)", said).group(1).decode().split(",")
        self.places = {node: place for node, place in
                       re.findall(r"(\S+-\d) +(127\.0\.0\.1:\d+)", said.decode())}
        assert list(self.places.values()) == self.endpoints, said
        self.said = said.decode()

    def stop(self):
        """Ends the demo as Ctrl-C does; returns its exit code."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return process.returncode

    def kill(self):
        """As kill -9 does."""
        if self.process is not None:
            process, self.process = self.process, None
            process.kill()
            process.communicate()

    def endpoint(self, node):
        return self.places[node]

    def run(self, *arguments, stdin=b"", via=None, env=None):
        """One command through the node `via`, through all nine without it."""
        environment = {k: v for k, v in os.environ.items() if k != "WORLDB_ENDPOINTS"}
        environment["WORLDB_ENDPOINTS"] = self.endpoint(via) if via else ",".join(self.endpoints)
        environment.update(env or {})
        done = subprocess.run([self.worldb, *arguments], input=stdin, env=environment,
                              capture_output=True, timeout=120, check=False)
        return Result(done.returncode, done.stdout, done.stderr)

    def must(self, *arguments, **options):
        result = self.run(*arguments, **options)
        assert result.code == 0, f"worldb {' '.join(arguments)}: {result}"
        return result


def eventually(check, seconds=30):
    """The first true answer of `check`, asked again and again."""
    deadline = time.monotonic() + seconds
    while True:
        answer = check()
        if answer:
            return answer
        assert time.monotonic() < deadline, "it never came true"
