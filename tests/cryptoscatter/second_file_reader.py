"""A second reader of share files on disk, written from docs/share-format.md with the standard library.

Goal:   sections 7, 11, 12 and 16 of the page are enough to tell a good share file from a bad one, and to
        join the good ones, under both suites.
Method: reads tests/vectors/share_files/: each file must end as index.txt says (good, refused, or decoded
        but not what the writer signed); then the good ones of each suite are joined.
Usage:  second_file_reader.py FOLDER
"""

import hashlib
import pathlib
import struct
import sys

from aes_gcm import gcm_open
from second_reader import H, Reader, Script, aead_open


class Refused(Exception):
    pass


def need(condition, why):
    if not condition:
        raise Refused(why)


# --- Ed25519 (RFC 8032) -------------------------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def add(a, b):
    (x1, y1, z1, t1), (x2, y2, z2, t2) = a, b
    e1, e2 = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    e3, e4 = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = e2 - e1, e4 - e3, e4 + e3, e2 + e1
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n, point):
    out = (0, 1, 1, 0)
    while n:
        if n & 1:
            out = add(out, point)
        point, n = add(point, point), n >> 1
    return out


def point_of(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signature_holds(public, message, signature):
    a, r = point_of(public), point_of(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= ORDER:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little")
    (x1, y1, z1, _), (x2, y2, z2, _) = times(s, BASE), add(r, times(h % ORDER, a))
    return (x1 * z2 - x2 * z1) % P == 0 and (y1 * z2 - y2 * z1) % P == 0


# --- The share file -------------------------------------------------------------------------------


def T(suite, label, data):
    if suite == 1:
        return H(label, data)
    return hashlib.sha256(data + label.encode().ljust(16, b"\0")).digest()


def fold(suite, level, size=4):
    while len(level) > 1:
        groups = [level[i : i + size] for i in range(0, len(level), size)]
        size = 4
        level = [T(suite, "wdb frag node 1", b"".join(g)) if len(g) > 1 else g[0] for g in groups]
    return level[0]


def block_top(suite, block):
    leaves = [block[i : i + 1024] for i in range(0, len(block), 1024)] or [b""]
    return fold(suite, [T(suite, "wdb frag leaf 1", leaf) for leaf in leaves], 16)


def blocks_of(fragment):
    return [fragment[i : i + 65536] for i in range(0, len(fragment), 65536)] or [b""]


class Share:
    """Section 11: everything that makes a file be refused is in here."""

    def __init__(self, data):
        try:
            self.read(Reader(data), data)
        except AssertionError as short:
            raise Refused("cut short") from short

    def read(self, file, data):
        need(file.take(8) == b"\x89WDS\r\n\x1a\n", "magic")
        need(file.number(2) == 1, "format")
        flags = file.number(2)
        need(flags <= 2, "flags")
        self.node, self.fragment = file.take(16), file.take(file.number(8))
        trailer_at = file.at
        metadata, self.script_text = file.sized(), file.sized()
        need(len(self.script_text) <= 4096, "script text")
        self.stored = file.key_share() if flags == 1 else None
        self.key_share = None
        if flags == 2:
            rows = file.number(1)
            need(rows <= 8, "rows")
            self.key_share = file.take(48 * rows)
        self.tops = [file.take(32) for _ in blocks_of(self.fragment)]
        need(file.number(8) == len(data), "file bytes")
        need(file.take(32) == H("wdb sharefile 1", data[:36] + data[trailer_at:-32]), "hash")
        need(file.at == len(data), "trailing bytes")
        self.read_metadata(Reader(metadata), metadata)
        need(self.script == H("wdb script 1", self.script_text), "script id")
        bound = struct.pack("<IBQ", self.generation, self.index, len(self.fragment))
        bound = self.core_id + bound + fold(self.suite, self.tops)
        need(T(self.suite, "wdb frag root 1", bound) == self.root, "block hashes")

    def read_metadata(self, m, metadata):
        need(m.number(2) == 1, "share format")
        self.core, self.script, self.generation = m.take(102), m.take(32), m.number(4)
        core = Reader(self.core)
        need(core.take(4) == b"WDC1" and core.number(2) == 1, "core format")
        self.suite, self.kind, self.cell = core.number(2), core.number(2), core.take(16)
        need(self.suite in (1, 2) and self.kind in (0, 1, 2), "suite or kind")
        core.take(32)
        self.segment_bytes, self.plaintext_bytes = core.number(4), core.number(8)
        self.key_commit, self.core_id = core.take(32), H("wdb core 1", self.core)
        self.index = m.number(1)
        need(self.index < 9, "index")
        m.take(14)
        self.root, self.key_share_hash, self.path = m.take(32), m.take(32), m.take(128)
        self.signer, self.signature, count, index = m.take(32), m.take(64), m.number(4), m.number(4)
        need(count == 1 and index == 0, "this reader knows batches of one")
        need(m.at == len(metadata), "metadata")

    def verify(self):
        """Section 12, steps 1 and 2."""
        need(self.generation == 0, "generation")
        leaf = H("wdb shareleaf 1", self.core_id + bytes([self.index]) + self.root + self.key_share_hash)
        path = [self.path[i : i + 32] for i in range(0, 128, 32)]
        leaves, others = path[:2], path[2:]
        leaves.insert(self.index % 3, leaf)
        others.insert(self.index // 3, H("wdb share dc 1", b"".join(leaves)))
        commitment = H("wdb commit 1", self.core_id + self.script + H("wdb shareroot 1", b"".join(others)))
        signed = self.cell + commitment + struct.pack("<I", 1) + self.signer
        need(signature_holds(self.signer, H("wdb cbatch sg 1", signed), self.signature), "signature")
        tops = [block_top(self.suite, block) for block in blocks_of(self.fragment)]
        need(tops == self.tops, "fragment")
        if self.key_share is not None:
            seen = H("wdb key share 1", self.core_id + bytes([self.index]) + self.key_share)
            need(seen == self.key_share_hash, "key share")
            rows = len(Script(self.script_text).keys[self.index])
            need(len(self.key_share) == 48 * rows, "rows of the key share")


def join(shares):
    """Section 17, of a file of one segment."""
    first = shares[0]
    script = Script(first.script_text)
    secret = script.combine({s.index: s.key_share for s in shares})
    data_key, prefix = secret[:32], first.core[:62]
    need(first.key_commit == H("wdb keycommit 1", prefix, data_key), "key commitment")
    ciphertext = script.rebuild({s.index: s.fragment for s in shares})[: first.plaintext_bytes + 16]
    stream = H("wdb stream 1", prefix, data_key, 64)
    nonce = bytearray(stream[32:56] if first.suite == 1 else stream[32:44])
    nonce[-8] ^= 1  # segment 0, the last
    opens = aead_open if first.suite == 1 else gcm_open
    plaintext = opens(stream[:32], bytes(nonce), ciphertext)
    name_bytes = int.from_bytes(plaintext[:2], "little")
    return plaintext[2 : 2 + name_bytes], plaintext[2 + name_bytes :]


def main(folder):
    good = {}
    count = 0
    for line in (folder / "index.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        name, outcome, _ = line.split("\t")
        seen = "good"
        try:
            share = Share((folder / name).read_bytes())
            try:
                share.verify()
                if share.kind == 2:
                    good.setdefault((share.suite, share.script_text), []).append(share)
            except Refused:
                seen = "unverified"
        except Refused:
            seen = "refused"
        assert seen == outcome, f"{name}: {seen}, not {outcome}"
        count += 1
    assert [suite for suite, _ in sorted(good)] == [1, 1, 2] and count > 20
    for (suite, _), shares in sorted(good.items()):
        assert join(shares) == (b"first.txt", b"first write wins\n")
        sizes = ", ".join(str(len(share.key_share) // 48) for share in shares)
        print(f"suite {suite}: {len(shares)} shares join, with key shares of {sizes} rows")
    print(f"{count} files end as the index says")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
