#!/usr/bin/env python3
"""Rows of a node's store as section 16 of docs/share-format.md has them, written by somebody who knows only that page.

Usage: row_seeds.py CORPUS   makes the seeds of batch_part_fuzz and store_row_fuzz below CORPUS.
engine_shares_test reads them.
"""
import hashlib
import pathlib
import random
import struct
import sys

NESTED = bytes.fromhex("b792ca0a")  # how the id of that script begins


def labelled_hash(label, data):
    return hashlib.blake2b(data, digest_size=32, person=label.encode().ljust(16, b"\0")).digest()


def tree_of(members):
    levels = [members]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([
            labelled_hash("wdb cbatch nd 1", below[i] + below[i + 1]) if i + 1 < len(below) else below[i]
            for i in range(0, len(below), 2)
        ])
    return levels


def path_of(levels, index):
    path = b""
    for level in levels[:-1]:
        if index ^ 1 < len(level):
            path += level[index ^ 1]
        index //= 2
    return path


class Batch:
    def __init__(self, draw, count):
        self.cell, self.signer, self.signature = draw(16), draw(32), draw(64)
        self.levels = tree_of([draw(32) for _ in range(count)])
        self.count = count
        root = self.levels[-1][0]
        signed = self.cell + root + struct.pack("<I", count) + self.signer
        self.reference = labelled_hash("wdb cbatch sg 1", signed)[:8]

    def part(self, held):
        flags = bytearray((self.count + 7) // 8)
        for member in held:
            flags[member // 8] |= 1 << member % 8

        def hashes(level, index):
            below = any(member >> level == index for member in held)
            if level == 0 or not below:
                return self.levels[level][index]
            out = hashes(level - 1, 2 * index)
            if 2 * index + 1 < len(self.levels[level - 1]):
                out += hashes(level - 1, 2 * index + 1)
            return out

        head = self.cell + self.signer + self.signature + struct.pack("<H", self.count)
        return head + bytes(flags) + hashes(len(self.levels) - 1, 0)

    def proof(self, index):
        return (self.cell + self.signer + self.signature + struct.pack("<II", self.count, index) +
                path_of(self.levels, index))


def share_row(draw, flags, suite, plaintext_bytes, proof, fragment, key_rows=1):
    key = b"s/" + draw(16) + struct.pack(">IQ", 2**32 - 1 - 1, 2**64 - 1 - 3)  # slot epoch 1, version 3
    op = draw(16)
    value = bytes([2, flags, suite, 4]) + struct.pack("<H", 7)
    value += labelled_hash("wdb row place 1", key + op)[:4] + NESTED + op
    value += struct.pack("<I", plaintext_bytes) + draw(32) + draw(32) + draw(128)
    if flags & 1:
        value += draw(32)
    value += proof + bytes([key_rows]) + draw(48 * key_rows + 16)
    return key, value + fragment


def main():
    corpus = pathlib.Path(sys.argv[1])
    numbers = random.Random(7)

    def draw(count):
        return bytes(numbers.randrange(256) for _ in range(count))

    def put(folder, name, data):
        (corpus / folder).mkdir(exist_ok=True)
        (corpus / folder / name).write_bytes(data)

    for name, count, held in (("one", 1, [0]), ("two", 2, [1]), ("five", 5, [0, 3]),
                              ("all_of_eleven", 11, range(11)), ("few_of_256", 256, [0, 7, 130])):
        put("batch_part_fuzz", name, Batch(draw, count).part(list(held)))

    batch = Batch(draw, 5)
    alone = batch.cell + batch.signer + batch.signature
    rows = {
        "batch": (b"b/" + batch.reference, b"\1" + batch.part([2, 4])),
        "inline": share_row(draw, 0, 1, 74, batch.reference + b"\2", draw(23)),
        "several_rows": share_row(draw, 0, 1, 74, batch.reference + b"\4", draw(23), 3),
        "alone": share_row(draw, 2, 2, 74, alone, draw(23)),
        "apart": share_row(draw, 1 | 2, 1, 9000, alone, b""),
        "whole_proof": share_row(draw, 4 | 8, 1, 10, batch.proof(4), draw(7)),
    }
    for name, (key, value) in rows.items():
        put("store_row_fuzz", name, bytes([len(key)]) + key + value)


if __name__ == "__main__":
    main()
