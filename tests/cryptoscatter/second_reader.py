"""A second reader of share files, written from docs/share-format.md with the standard library alone.

Goal:   the page is enough to open a value, and the C++ code writes what the page says.
Method: reads tests/vectors/share_format_1_*.txt, recomputes every id, root, hash and key in it, opens the
        sealed and the stored key share of one node, repairs its key share, and decrypts. Signatures and
        X25519 are left to primitives_test.cc (RFC vectors).
Usage:  second_reader.py VECTOR_FILE
"""

import hashlib
import struct
import sys
from functools import reduce

from aes_gcm import gcm_open, xor
from second_compiler import generator, key_matrix, tree


def H(label, data, key=b"", size=32):
    return hashlib.blake2b(data, digest_size=size, key=key, person=label.encode().ljust(16, b"\0")).digest()


# --- XChaCha20-Poly1305 -------------------------------------------------------------------------


def rounds(state):
    x = list(state)

    def quarter(a, b, c, d):
        for p, q, r, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[p] = (x[p] + x[q]) & 0xFFFFFFFF
            t = x[r] ^ x[p]
            x[r] = ((t << n) | (t >> (32 - n))) & 0xFFFFFFFF

    for _ in range(10):
        quarter(0, 4, 8, 12), quarter(1, 5, 9, 13), quarter(2, 6, 10, 14), quarter(3, 7, 11, 15)
        quarter(0, 5, 10, 15), quarter(1, 6, 11, 12), quarter(2, 7, 8, 13), quarter(3, 4, 9, 14)
    return x


CONSTANTS = struct.unpack("<4I", b"expand 32-byte k")


def chacha_block(key, counter, nonce12):
    state = CONSTANTS + struct.unpack("<8I", key) + (counter,) + struct.unpack("<3I", nonce12)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(rounds(state), state)))


def aead_open(key, nonce, box, aad=b""):
    x = rounds(CONSTANTS + struct.unpack("<8I", key) + struct.unpack("<4I", nonce[:16]))
    subkey = struct.pack("<8I", *(x[:4] + x[12:]))
    nonce12 = b"\0" * 4 + nonce[16:]
    ciphertext, tag = box[:-16], box[-16:]

    def padded(data):
        return data + b"\0" * (-len(data) % 16)

    mac_key = chacha_block(subkey, 0, nonce12)[:32]
    r = int.from_bytes(mac_key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    s = int.from_bytes(mac_key[16:], "little")
    message = padded(aad) + padded(ciphertext) + struct.pack("<QQ", len(aad), len(ciphertext))
    acc = 0
    for i in range(0, len(message), 16):
        acc = (acc + int.from_bytes(message[i : i + 16] + b"\1", "little")) * r % ((1 << 130) - 5)
    assert ((acc + s) & ((1 << 128) - 1)).to_bytes(16, "little") == tag, "does not open"
    out = b""
    for i in range(0, len(ciphertext), 64):
        pad = chacha_block(subkey, 1 + i // 64, nonce12)
        out += bytes(a ^ b for a, b in zip(ciphertext[i : i + 64], pad))
    return out


# --- Suites -------------------------------------------------------------------------------------


def tree_hash(suite, label, data):
    if suite == 1:
        return H(label, data)
    assert suite == 2, "unknown suite"
    return hashlib.sha256(data + label.encode().ljust(16, b"\0")).digest()


def open_segment(suite, stream, index, last, sealed):
    size = {1: 24, 2: 12}[suite]
    nonce = bytearray(stream[32 : 32 + size])
    for i, b in enumerate(struct.pack("<Q", 2 * index + last)):
        nonce[size - 8 + i] ^= b
    return (aead_open if suite == 1 else gcm_open)(stream[:32], bytes(nonce), sealed)


# --- GF(2^8)/0x11d ------------------------------------------------------------------------------


def mul(a, b):
    out = 0
    while b:
        if b & 1:
            out ^= a
        a = a << 1 ^ (0x11D if a & 0x80 else 0)
        b >>= 1
    return out


def inv(a):
    return next(b for b in range(1, 256) if mul(a, b) == 1)


def combination(rows, target):
    """Factors f with sum f_i rows_i == target."""
    n = len(rows)
    m = [[rows[i][c] for i in range(n)] + [target[c]] for c in range(len(target))]
    pivots = []
    for col in range(n):
        top = len(pivots)
        found = next((r for r in range(top, len(m)) if m[r][col]), None)
        if found is None:
            continue
        m[top], m[found] = m[found], m[top]
        m[top] = [mul(x, inv(m[top][col])) for x in m[top]]
        for r in range(len(m)):
            if r != top and m[r][col]:
                factor = m[r][col]
                m[r] = [x ^ mul(factor, y) for x, y in zip(m[r], m[top])]
        pivots.append(col)
    assert all(row[n] == 0 for row in m[len(pivots) :]), "not a sufficient set"
    out = [0] * n
    for r, col in enumerate(pivots):
        out[col] = m[r][n]
    return out


def weigh(factors, parts):
    """The sum of the parts, each times its factor, byte by byte."""
    return bytes(
        reduce(lambda s, fp: s ^ mul(fp[0], fp[1][b]), zip(factors, parts), 0)
        for b in range(len(parts[0]))
    )


def combine(rows, target, parts):
    return weigh(combination(rows, target), parts)


def rows_of(key_share):
    """Section 5: a key share is its rows, one after the other."""
    return [key_share[i : i + 48] for i in range(0, len(key_share), 48)]


class Script:
    """Section 3: the matrices of a canonical text."""

    def __init__(self, text):
        key, code = text.decode().splitlines()[:2]
        top, rest = tree(key.removeprefix("key: "))
        assert rest == ""
        self.keys, self.generator = key_matrix(top), generator(code.removeprefix("code: "))
        self.secret = [1] + [0] * (len(max(self.keys, key=len)[0]) - 1)

    def combine(self, key_shares):
        """The key secret, of {node: key share}."""
        rows = [row for j in key_shares for row in self.keys[j]]
        return combine(rows, self.secret, [row for share in key_shares.values() for row in rows_of(share)])

    def rebuild(self, fragments):
        """The data pieces of one stripe, of {node: fragment}."""
        rows = [self.generator[j] for j in fragments]
        units = [[int(c == column) for c in range(len(rows[0]))] for column in range(len(rows[0]))]
        return b"".join(combine(rows, unit, list(fragments.values())) for unit in units)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        assert self.at + count <= len(self.data)
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, count):
        return int.from_bytes(self.take(count), "little")

    def sized(self):
        return self.take(self.number(4))

    def key_share(self):
        """Rows and tag of a sealed or stored one."""
        rows = self.number(1)
        assert rows <= 8
        return self.take(48 * rows + 16)


def fragment_top(suite, fragment):
    leaves = [fragment[i : i + 1024] for i in range(0, len(fragment), 1024)] or [b""]
    level = [tree_hash(suite, "wdb frag leaf 1", leaf) for leaf in leaves]
    size = 16
    while len(level) > 1:
        groups = [level[i : i + size] for i in range(0, len(level), size)]
        level = [
            tree_hash(suite, "wdb frag node 1", b"".join(g)) if len(g) > 1 else g[0] for g in groups
        ]
        size = 4
    return level[0]


def fragment_root(suite, core_id, j, fragment):
    bound = core_id + struct.pack("<IBQ", 0, j, len(fragment))
    return tree_hash(suite, "wdb frag root 1", bound + fragment_top(suite, fragment))


def leaf_root(leaves):
    dcs = [H("wdb share dc 1", b"".join(leaves[3 * d : 3 * d + 3])) for d in range(3)]
    return H("wdb shareroot 1", b"".join(dcs)), dcs


def main(path):
    v = {}
    for line in open(path, encoding="ascii"):
        if not line.startswith("#"):
            name, value = line.split(" = ")
            v[name] = bytes.fromhex(value.strip())

    # The share file of one node, alone.
    t = v["node"][0]
    data = v["share_file"]
    file = Reader(data)
    assert file.take(8) == b"\x89WDS\r\n\x1a\n" and file.number(2) == 1 and file.number(2) == 1
    node, fragment = file.take(16), file.take(file.number(8))
    trailer_at = file.at
    metadata, script_text, stored, block = file.sized(), file.sized(), file.key_share(), file.take(32)
    assert file.number(8) == len(data)
    assert file.take(32) == H("wdb sharefile 1", data[:36] + data[trailer_at:-32])
    assert file.at == len(data)
    m = Reader(metadata)
    assert m.number(2) == 1
    core, script, generation, j = m.take(102), m.take(32), m.number(4), m.number(1)
    slot, slot_epoch, version = m.number(2), m.number(4), m.number(8)
    assert (generation, j, slot, slot_epoch, version) == (0, t, 7, 3, 17)
    root, share_hash, share_path = m.take(32), m.take(32), m.take(128)
    signer, signature, count, index = m.take(32), m.take(64), m.number(4), m.number(4)
    assert (count, index) == (1, 0) and m.at == len(metadata)
    assert signer == v["writer_signing_key"] and signature == v["signature"]

    suite = int.from_bytes(core[6:8], "little")
    assert core[8:10] == b"\0\0", "a value, not a tombstone"
    assert block == fragment_top(suite, fragment), "one block is the whole tree"
    core_id = H("wdb core 1", core)
    assert core == v["core"] and core_id == v["core_id"]
    assert script == H("wdb script 1", script_text) == v["script_id"]
    compiled = Script(script_text)
    aad = core_id + struct.pack("<IB", 0, j) + node
    key_share = aead_open(v["storage_key"], share_hash[:24], stored, aad)
    assert key_share == v[f"key_share_{t}"] and fragment == v[f"fragment_{t}"]
    assert root == fragment_root(suite, core_id, t, fragment)
    assert share_hash == H("wdb key share 1", core_id + bytes([t]) + key_share)
    sealed = Reader(v["sealed_key_share"])
    seal_key = H("wdb sealshare 1", b"", v["pairwise_key"])
    assert key_share == aead_open(seal_key, share_hash[:24], sealed.key_share(), core_id + bytes([t]) + node)
    assert sealed.at == len(sealed.data)

    # All nine leaves, the commitment, and the node's path.
    leaves = []
    for i in range(9):
        number = bytes([i])
        assert v[f"fragment_root_{i}"] == fragment_root(suite, core_id, i, v[f"fragment_{i}"])
        assert v[f"key_share_hash_{i}"] == H("wdb key share 1", core_id + number + v[f"key_share_{i}"])
        leaf = core_id + number + v[f"fragment_root_{i}"] + v[f"key_share_hash_{i}"]
        leaves.append(H("wdb shareleaf 1", leaf))
    top, dcs = leaf_root(leaves)
    neighbours = [leaves[i] for i in range(9) if i // 3 == t // 3 and i != t]
    others = [dcs[d] for d in range(3) if d != t // 3]
    assert top == v["leaf_root"] and share_path == b"".join(neighbours + others)
    assert v["commitment"] == H("wdb commit 1", core_id + script + top)

    # Any reading set gives the key, any rebuilding set the ciphertext.
    ciphertext_bytes = int.from_bytes(core[62:70], "little") + 16
    for nodes in v["reading_sets"].split(b"\xff"):
        secret = compiled.combine({i: v[f"key_share_{i}"] for i in nodes})
        assert secret == v["key_secret"]
        pieces = compiled.rebuild({i: v[f"fragment_{i}"] for i in nodes})
        assert pieces[:ciphertext_bytes] == v["ciphertext"]
        assert not any(pieces[ciphertext_bytes:])

    # Repair of the node's key share: each contribution is the weighted rows under their masks, and
    # the sum is the share.
    helpers = list(v["helpers"])
    helper_rows = [row for i in helpers for row in compiled.keys[i]]
    weights = [combination(helper_rows, row) for row in compiled.keys[t]]
    about = v["commitment"] + struct.pack("<IBH", 0, t, sum(1 << i for i in helpers))
    total = bytes(len(key_share))
    at = 0
    for i in helpers:
        given, own = b"", slice(at, at + len(compiled.keys[i]))
        at = own.stop
        for number, weight in enumerate(weights):
            row = weigh(weight[own], rows_of(v[f"key_share_{i}"]))
            for k in helpers:
                if k != i:
                    mask_key = v[f"mask_key_{min(i, k)}_{max(i, k)}"]
                    row = xor(row, H("wdb repairmask 1", about + bytes([number]), mask_key, 48))
            given += row
        assert any(any(weight[own]) for weight in weights) and given == v[f"contribution_{i}"]
        total = xor(total, given)
    assert total == key_share

    data_key, prefix = v["key_secret"][:32], core[:62]
    assert core[70:] == H("wdb keycommit 1", prefix, data_key)
    stream = H("wdb stream 1", prefix, data_key, 64)
    assert stream[:32] == v["encryption_key"] and stream[32:56] == v["base_nonce"]
    assert open_segment(suite, stream, 3, False, v["segment_3_abc"]) == b"abc"
    for size in (0, 1024, 2500, 5121, 70000):
        assert v[f"top_{size}"] == fragment_top(suite, bytes(i % 251 for i in range(size)))
    plaintext = open_segment(suite, stream, 0, True, v["ciphertext"])
    name_bytes = int.from_bytes(plaintext[:2], "little")
    assert plaintext[2 : 2 + name_bytes] == b"greeting"
    assert plaintext[2 + name_bytes :] == b"first write wins"
    print(f"suite {suite} opens:", plaintext[2 + name_bytes :].decode())


if __name__ == "__main__":
    main(sys.argv[1])
