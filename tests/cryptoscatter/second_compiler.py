#!/usr/bin/env python3
"""A second compiler of CryptoScript, from docs/share-format.md section 3 and Python's standard library.

Goal:   the page says enough, and the C++ does what it says: the same canonical text gives the same
        script id and, byte for byte, the same matrices; and a set reads or rebuilds by its own words.
Method: `second_compiler.py PROGRAM` runs PROGRAM, which prints texts with what the C++ made of them,
        and compiles each text anew. Who reads is taken from the gates in the text, counted by hand,
        and beside it from the matrix; who rebuilds from the rank of the generator's rows.
"""

import hashlib
import json
import re
import subprocess
import sys

NODES = 9
LRC = ["1000", "0100", "1100", "0010", "0001", "0011"]
M1 = [35, 146, 217, 206]
M2 = [196, 17, 66, 31]


def times(a, b):
    """In GF(2^8) modulo x^8+x^4+x^3+x^2+1."""
    out = 0
    while b:
        if b & 1:
            out ^= a
        a <<= 1
        if a & 0x100:
            a ^= 0x11D
        b >>= 1
    return out


TIMES = [[times(a, b) for b in range(256)] for a in range(256)]
INVERSE = {a: next(b for b in range(1, 256) if TIMES[a][b] == 1) for a in range(1, 256)}


def rank(rows):
    rows = [list(row) for row in rows]
    found = 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((r for r in rows[found:] if r[column]), None)
        if pivot is None:
            continue
        rows.remove(pivot)
        scale = INVERSE[pivot[column]]
        pivot = [TIMES[scale][x] for x in pivot]
        rows = [row if i < found else [x ^ TIMES[row[column]][p] for x, p in zip(row, pivot)]
                for i, row in enumerate(rows)]
        rows.insert(found, pivot)
        found += 1
    return found


def tree(text):
    """(threshold, members) of a gate, the number of a leaf; and what follows it."""
    leaf = re.match(r"node\[(\d)\](.*)", text)
    if leaf:
        return int(leaf[1]), leaf[2]
    threshold, rest = re.match(r"(\d+) of (.*)", text).groups()
    if rest.startswith("all"):
        return (int(threshold), list(range(NODES))), rest[3:]
    dc = re.match(r"dc\[(\d)\](.*)", rest)
    if dc:
        return (int(threshold), [3 * int(dc[1]) + i for i in range(3)]), dc[2]
    members = []
    while rest[0] in "(,":
        member, rest = tree(rest[1:].lstrip())
        members.append(member)
    assert rest[0] == ")"
    return (int(threshold), members), rest[1:]


def fresh(gate):
    return 0 if isinstance(gate, int) else gate[0] - 1 + sum(fresh(m) for m in gate[1])


def key_matrix(top):
    """For each node, a row for each of its places; as {column: coefficient}, made dense at the end."""
    rows = [[] for _ in range(NODES)]
    columns = 1

    def share(gate, row):
        nonlocal columns
        if isinstance(gate, int):
            rows[gate].append(row)
            return
        own = range(columns, columns + gate[0] - 1)
        columns += gate[0] - 1
        for x, member in enumerate(gate[1], start=1):
            theirs = dict(row)
            power = 1
            for column in own:
                power = TIMES[power][x]
                theirs[column] = power
            share(member, theirs)

    share(top, {0: 1})
    assert columns == 1 + fresh(top)
    return [[[row.get(c, 0) for c in range(columns)] for row in of_node] for of_node in rows]


def generator(code):
    if code == "copy":
        return [[1]] * NODES
    if code == "lrc local 2+1 global 2":
        return [[int(c) for c in row] for row in LRC] + [M1, M2, [a ^ b for a, b in zip(M1, M2)]]
    k = int(re.fullmatch(r"mds k=(\d)", code)[1])
    return [[int(r == c) for c in range(k)] if r < k else [INVERSE[r ^ c] for c in range(k)]
            for r in range(NODES)]


def admits(gate, nodes):
    if isinstance(gate, int):
        return gate in nodes
    return sum(admits(member, nodes) for member in gate[1]) >= gate[0]


def reduced(row, basis):
    """The row less its multiples of the basis, which holds (column of the first one, row)."""
    for column, pivot in basis:
        factor = TIMES[row[column]]
        if row[column]:
            row = [x ^ factor[p] for x, p in zip(row, pivot)]
    return row


def sets_that_span(keys, bits=0, node=0, basis=()):
    """All sets, as bits, whose rows span (1, 0, .., 0): node by node with it and without it."""
    if node == NODES:
        target = [1] + [0] * (len(max(keys, key=len)[0]) - 1)
        return {bits} if basis and not any(reduced(target, basis)) else set()
    more = list(basis)
    for row in keys[node]:
        rest = reduced(row, more)
        column = next((c for c, x in enumerate(rest) if x), None)
        if column is not None:
            scale = TIMES[INVERSE[rest[column]]]
            more.append((column, [scale[x] for x in rest]))
    return sets_that_span(keys, bits, node + 1, basis) | sets_that_span(
        keys, bits | 1 << node, node + 1, more)


def main():
    lines = subprocess.run([sys.argv[1]], check=True, capture_output=True, text=True).stdout.splitlines()
    assert len(lines) == 203, len(lines)
    wrong = several = none = 0
    for number, line in enumerate(lines):
        theirs = json.loads(line)
        text = theirs["text"]
        key, code = re.match(r"key: (.*)\ncode: (.*)\n", text).groups()
        top, rest = tree(key)
        assert rest == "", text
        keys, codes = key_matrix(top), generator(code)
        mine = {
            "text": text,
            "id": hashlib.blake2b(text.encode(), digest_size=32, person=b"wdb script 1").hexdigest(),
            "generator": b"".join(bytes(row) for row in codes).hex(),
            "rows": [len(of_node) for of_node in keys],
            "key_matrix": b"".join(bytes(row) for of_node in keys for row in of_node).hex(),
        }
        sets = [[n for n in range(NODES) if bits >> n & 1] for bits in range(512)]
        mine["reads"] = "".join(str(int(admits(top, s))) for s in sets)
        mine["rebuilds"] = "".join(str(int(rank([codes[n] for n in s]) == len(codes[0]))) for s in sets)
        if number < 60:  # slow here: who reads, by the matrix
            spans = sets_that_span(keys)
            assert "".join(str(int(bits in spans)) for bits in range(512)) == mine["reads"], text
        several += max(mine["rows"]) > 1
        none += min(mine["rows"]) == 0
        if mine != theirs:
            wrong += 1
            print(f"{text}mine:   {mine}\ntheirs: {theirs}")
    print(f"{len(lines)} scripts, {several} with several rows a node, {none} with nodes that have none; "
          f"{wrong} compiled otherwise")
    return 1 if wrong or several < 50 or none < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
