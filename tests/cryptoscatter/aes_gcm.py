"""AES-256-GCM (FIPS 197, SP 800-38D) for the second readers: slow, plain, with the standard library alone."""

import struct
from functools import reduce


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def aes_sbox():
    def times(a, b):
        out = 0
        while b:
            out ^= a if b & 1 else 0
            a = (a << 1 ^ 0x11B if a & 0x80 else a << 1)
            b >>= 1
        return out

    box = []
    for x in range(256):
        b = next((y for y in range(256) if times(x, y) == 1), 0)
        box.append(reduce(lambda s, n: s ^ (b << n | b >> (8 - n)) & 0xFF, range(5), 0x63))
    return box


SBOX = aes_sbox()


def aes256(key):
    """The block encryption under one key."""
    words = [key[i : i + 4] for i in range(0, 32, 4)]
    constant = 1
    for i in range(8, 60):
        word = words[-1]
        if i % 8 == 0:
            word = bytes(SBOX[b] for b in word[1:] + word[:1])
            word = bytes([word[0] ^ constant]) + word[1:]
            constant <<= 1
        elif i % 8 == 4:
            word = bytes(SBOX[b] for b in word)
        words.append(xor(words[-8], word))
    keys = [b"".join(words[i : i + 4]) for i in range(0, 60, 4)]

    def double(b):
        return (b << 1 ^ (0x11B if b & 0x80 else 0)) & 0xFF

    def encrypt(block):
        state = xor(block, keys[0])
        for number in range(1, 15):
            state = [SBOX[state[(5 * i) % 16]] for i in range(16)]
            if number < 14:
                columns = [state[i : i + 4] for i in range(0, 16, 4)]
                state = [
                    double(c[r]) ^ double(c[(r + 1) % 4]) ^ c[(r + 1) % 4] ^ c[(r + 2) % 4] ^ c[(r + 3) % 4]
                    for c in columns
                    for r in range(4)
                ]
            state = xor(state, keys[number])
        return state

    return encrypt


def gcm_open(key, nonce, box):
    encrypt = aes256(key)
    h = int.from_bytes(encrypt(bytes(16)), "big")
    ciphertext, tag = box[:-16], box[-16:]

    def times_h(x):
        out, v = 0, h
        for bit in range(127, -1, -1):
            out ^= v if x >> bit & 1 else 0
            v = v >> 1 ^ (0xE1 << 120 if v & 1 else 0)
        return out

    message = ciphertext + b"\0" * (-len(ciphertext) % 16) + struct.pack(">QQ", 0, 8 * len(ciphertext))
    acc = 0
    for i in range(0, len(message), 16):
        acc = times_h(acc ^ int.from_bytes(message[i : i + 16], "big"))
    mask = encrypt(nonce + struct.pack(">I", 1))
    assert xor(acc.to_bytes(16, "big"), mask) == tag, "does not open"
    out = b""
    for i in range(0, len(ciphertext), 16):
        out += xor(ciphertext[i : i + 16], encrypt(nonce + struct.pack(">I", 2 + i // 16)))
    return out
