#!/usr/bin/env python3
"""worldb-recover split and join beside the same by hand: openssl, zfec, openssl.

Goal:   how long a file takes into nine checked shares and back, on one machine in one run.
Method: by hand is `openssl enc -aes-256-ctr`, then zfec.Encoder (k=5, m=9) in a short script, then
        `openssl dgst -sha256` of each share; back, `dgst` of five shares, zfec.Decoder, `openssl enc -d`.
        Both sides take turns, round by round, and end with their files on the disk (fsync). Times are
        medians, on the clock and of the processors; beside other load only the second tell much.
        Memory is the largest resident set of worldb-recover less that of `--version`.
Usage:  split_compare.py WORLDB_RECOVER [--size BYTES] [--rounds N] [--dir DIR] [--script NAME]
        with an interpreter that has zfec (Debian: python3-zfec, /usr/bin/python3).
"""

import argparse
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import tempfile
import time

import zfec

K, M = 5, 9
PIECE = 65536
KEY = ["-aes-256-ctr", "-K", "11" * 32, "-iv", "22" * 16]


def run(*command):
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)


def sync(*paths):
    for path in paths:
        with open(path, "rb") as file:
            os.fsync(file.fileno())


def zfec_encode(source, shares):
    encode = zfec.Encoder(K, M).encode
    with open(source, "rb") as file:
        outputs = [open(share, "wb", buffering=0) for share in shares]
        while data := file.read(K * PIECE):
            data = data.ljust(-(-len(data) // K) * K, b"\0")
            piece = len(data) // K
            pieces = [data[i * piece : (i + 1) * piece] for i in range(K)]
            for output, block in zip(outputs, encode(pieces)):
                output.write(block)
        for output in outputs:
            output.close()


def zfec_decode(shares, numbers, size, target):
    decode = zfec.Decoder(K, M).decode
    inputs = [open(share, "rb", buffering=0) for share in shares]
    with open(target, "wb", buffering=0) as output:
        while blocks := [block for file in inputs if (block := file.read(PIECE))]:
            data = b"".join(decode(blocks, numbers))
            output.write(data[:size])
            size -= len(data)
    for file in inputs:
        file.close()


class Sides:
    def __init__(self, recover, script, root, source):
        self.recover, self.script, self.root, self.source = recover, script, root, source
        self.hand = [root / f"hand.{i}" for i in range(M)]
        self.cipher, self.plain = root / "cipher", root / "plain"

    def split_by_hand(self):
        run("openssl", "enc", *KEY, "-in", self.source, "-out", self.cipher)
        zfec_encode(self.cipher, self.hand)
        for share in self.hand:
            run("openssl", "dgst", "-sha256", share)
        sync(*self.hand)

    def join_by_hand(self):
        # Two of the five are parity, as when two data shares are lost.
        numbers = [0, 1, 2, 5, 6]
        for number in numbers:
            run("openssl", "dgst", "-sha256", self.hand[number])
        shares = [self.hand[number] for number in numbers]
        zfec_decode(shares, numbers, self.source.stat().st_size, self.cipher)
        run("openssl", "enc", "-d", *KEY, "-in", self.cipher, "-out", self.plain)
        sync(self.plain)

    def split(self):
        run(self.recover, "split", self.source, "--out", self.root / "shares", "--script", self.script, "--force")

    def join(self, chosen):
        shares = sorted((self.root / "shares").iterdir())
        run(self.recover, "join", *[shares[i] for i in chosen], "--out", self.plain)

    def join_some(self):
        # Two data shares are lost here, too.
        self.join((0, 2, 4, 5) if self.script == "nested" else (0, 1, 2, 5, 6))

    def join_all(self):
        self.join(range(M))


def processor_time():
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


def timed(step):
    """Seconds on the clock, and of the processors."""
    os.sync()  # what the step before left to be written is not this one's
    begin, spent = time.monotonic(), processor_time()
    step()
    return time.monotonic() - begin, processor_time() - spent


def peak_kib(*command):
    """The largest resident set of a command, run in a process of its own."""
    script = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True,"
              " stdout=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    done = subprocess.run(["python3", "-c", script, *map(str, command)], check=True, capture_output=True)
    return int(done.stdout.split()[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("recover", type=pathlib.Path)
    parser.add_argument("--size", type=int, default=1 << 30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dir", default=None)
    parser.add_argument("--script", choices=("nested", "flat"), default="nested")
    arguments = parser.parse_args()
    root = pathlib.Path(tempfile.mkdtemp(prefix="worldb-compare-", dir=arguments.dir))
    try:
        source = root / "source"
        with open(source, "wb") as file:
            for _ in range(arguments.size >> 20):
                file.write(os.urandom(1 << 20))
            file.write(os.urandom(arguments.size & ((1 << 20) - 1)))
        sync(source)
        sides = Sides(arguments.recover.resolve(), arguments.script, root, source)
        steps = {"split by hand": sides.split_by_hand, "worldb-recover split": sides.split,
                 "join by hand": sides.join_by_hand, "worldb-recover join": sides.join_some,
                 "worldb-recover join, all nine": sides.join_all}
        times = {name: [] for name in steps}
        for _ in range(arguments.rounds):
            for name, step in steps.items():
                times[name].append(timed(step))
                if "join" in name:
                    run("cmp", source, sides.plain)
        median = {name: statistics.median(t for t, _ in all_times) for name, all_times in times.items()}
        for name, all_times in times.items():
            kind = "split by hand" if "split" in name else "join by hand"
            spent = statistics.median(s for _, s in all_times)
            shown = " ".join(f"{t:.2f}" for t, _ in all_times)
            print(f"{name:30} {median[name]:6.2f} s   {median[kind] / median[name]:5.2f} x   "
                  f"{spent:6.2f} s of the processors   ({shown})")
        idle = peak_kib(sides.recover, "--version")
        shares = sorted((root / "shares").iterdir())
        for verb, command in (("split", ("split", source, "--out", root / "shares", "--force")),
                              ("join", ("join", *shares, "--out", sides.plain))):
            print(f"{verb}: {(peak_kib(sides.recover, *command) - idle) / 1024:.1f} MiB of extra memory")
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
