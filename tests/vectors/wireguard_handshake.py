#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A slow WireGuard handshake that shares no code with ours; prints wireguard_handshake.h.

Python's hashlib gives BLAKE2s; X25519, ChaCha20 and Poly1305 are written out below from
RFC 7748 and RFC 8439, the handshake from the WireGuard paper, section 5.4.
"""
import hashlib
import hmac
import struct

P = 2**255 - 19


def clamp(k):
    k = bytearray(k)
    k[0] &= 248
    k[31] = k[31] & 127 | 64
    return bytes(k)


def x25519(k, u):
    k = int.from_bytes(clamp(k), "little")
    u = int.from_bytes(u, "little") % 2**255
    x2, z2, x3, z3 = 1, 0, u, 1
    for t in reversed(range(255)):
        bit = k >> t & 1
        if bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb = d * a, c * b
        x3, z3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        aa, bb = a * a, b * b
        e = aa - bb
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
        if bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def public(k):
    return x25519(k, (9).to_bytes(32, "little"))


def chacha_block(key, counter, nonce):
    start = list(struct.unpack("<4I", b"expand 32-byte k") + struct.unpack("<8I", key))
    start += [counter, *struct.unpack("<3I", nonce)]
    s = list(start)

    def rotate(v, n):
        return (v << n | v >> 32 - n) & 0xFFFFFFFF

    def quarter(a, b, c, d):
        for x, y, z, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = (s[x] + s[y]) & 0xFFFFFFFF
            s[z] = rotate(s[z] ^ s[x], n)

    for _ in range(10):
        for i in range(4):
            quarter(i, i + 4, i + 8, i + 12)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(s, start)))


def poly1305(key, data):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    acc = 0
    for i in range(0, len(data), 16):
        acc = (acc + int.from_bytes(data[i : i + 16] + b"\1", "little")) * r % (2**130 - 5)
    return ((acc + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def aead(key, counter, plain, ad):
    nonce = bytes(4) + counter.to_bytes(8, "little")
    sealed = b""
    for i in range(0, len(plain), 64):
        stream = chacha_block(key, 1 + i // 64, nonce)
        sealed += bytes(a ^ b for a, b in zip(plain[i : i + 64], stream))

    def pad(x):
        return x + bytes(-len(x) % 16)

    mac = pad(ad) + pad(sealed) + struct.pack("<QQ", len(ad), len(plain))
    return sealed + poly1305(chacha_block(key, 0, nonce)[:32], mac)


def hash_(*parts):
    return hashlib.blake2s(b"".join(parts)).digest()


def mac(key, data):
    return hashlib.blake2s(data, key=key, digest_size=16).digest()


def kdf(n, key, data):
    def one(k, x):
        return hmac.new(k, x, hashlib.blake2s).digest()

    secret = one(key, data)
    outs = [one(secret, b"\1")]
    for i in range(2, n + 1):
        outs.append(one(secret, outs[-1] + bytes([i])))
    return outs


def macs(message, receiver, cookie=None):
    message += mac(hash_(b"mac1----", receiver), message)
    return message + (mac(cookie, message) if cookie else bytes(16))


S = {name: hash_(name.encode()) for name in ("initiator", "responder", "ei", "er", "psk")}
si, sr, ei, er = (clamp(S[n]) for n in ("initiator", "responder", "ei", "er"))
psk, stamp, cookie = S["psk"], bytes.fromhex("400000006553f10a0a000000"), bytes(range(16))
index_i, index_r = 0x11223344, 0x55667788

c = hash_(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")
h = hash_(hash_(c, b"WireGuard v1 zx2c4 Jason@zx2c4.com"), public(sr))
(c,) = kdf(1, c, public(ei))
h = hash_(h, public(ei))
c, k = kdf(2, c, x25519(ei, public(sr)))
static = aead(k, 0, public(si), h)
h = hash_(h, static)
c, k = kdf(2, c, x25519(si, public(sr)))
sealed_stamp = aead(k, 0, stamp, h)
h = hash_(h, sealed_stamp)
first = struct.pack("<II", 1, index_i) + public(ei) + static + sealed_stamp

(c,) = kdf(1, c, public(er))
h = hash_(h, public(er))
(c,) = kdf(1, c, x25519(er, public(ei)))
(c,) = kdf(1, c, x25519(er, public(si)))
c, tau, k = kdf(3, c, psk)
h = hash_(h, tau)
second = struct.pack("<III", 2, index_r, index_i) + public(er) + aead(k, 0, b"", h)
send, receive = kdf(2, c, b"")
data = struct.pack("<IIQ", 4, index_r, 0) + aead(send, 0, b"sixteen bytes...", b"")

print("/* SPDX-License-Identifier: BSD-2-Clause */")
print("/* Written by wireguard_handshake.py, an independent implementation. */")
print("#ifndef CULVERT_VECTORS_WIREGUARD_HANDSHAKE_H")
print("#define CULVERT_VECTORS_WIREGUARD_HANDSHAKE_H\n")
print(f"#define VECTOR_INDEX_I 0x{index_i:08x}\n#define VECTOR_INDEX_R 0x{index_r:08x}\n")
for name, value in (
    ("static_i", si),
    ("static_r", sr),
    ("ephemeral_i", ei),
    ("ephemeral_r", er),
    ("psk", psk),
    ("stamp", stamp),
    ("cookie", cookie),
    ("initiation", macs(first, public(sr))),
    ("initiation_with_cookie", macs(first, public(sr), cookie)),
    ("response", macs(second, public(si))),
    ("key_first", send),
    ("key_second", receive),
    ("data", data),
):
    lines = [value.hex()[i : i + 64] for i in range(0, len(value) * 2, 64)]
    print(f"static const char vector_{name}[] =")
    print("\n".join(f'\t"{line}"' for line in lines) + ";")
print("\n#endif")
