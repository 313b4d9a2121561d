#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""stream.py SERVER RATE SECONDS - a download and an upload at RATE bytes a second, at once

Prints for each "down" or "up", the SHA-256 of what arrived, and the longest time in
milliseconds for which nothing moved.  Socket buffers hold less than a quarter of a second,
so that they hide no pause of the path.
"""

import hashlib
import socket
import sys
import threading
import time

SERVER, RATE, SECONDS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
TOTAL = RATE * SECONDS
PIECE = RATE // 50
BLOCK = b"".join(hashlib.sha256(bytes([i & 255, i >> 8])).digest() for i in range(2048))


def connect(option):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, option, RATE // 16)
    sock.settimeout(30)
    sock.connect((SERVER, 80))
    return sock


def content(at, size):
    """The bytes at @at of what the server's /bytes/N sends."""
    start = at % len(BLOCK)
    return (BLOCK[start:] + BLOCK * (size // len(BLOCK) + 1))[:size]


def pace(began, moved):
    time.sleep(max(0, began + moved / RATE - time.monotonic()))


def head_end(sock):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += sock.recv(1)
    return head


def down():
    sock = connect(socket.SO_RCVBUF)
    sock.sendall(f"GET /bytes/{TOTAL} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head_end(sock)
    digest, got, longest, began = hashlib.sha256(), 0, 0.0, time.monotonic()
    while got < TOTAL:
        before = time.monotonic()
        data = sock.recv(PIECE)
        longest = max(longest, time.monotonic() - before)
        if not data:
            break
        digest.update(data)
        got += len(data)
        pace(began, got)
    print("down", digest.hexdigest(), int(longest * 1000), flush=True)


def up():
    sock = connect(socket.SO_SNDBUF)
    sock.sendall(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {TOTAL}\r\n\r\n".encode())
    sent, longest, began = 0, 0.0, time.monotonic()
    while sent < TOTAL:
        before = time.monotonic()
        sent += sock.send(content(sent, min(PIECE, TOTAL - sent)))
        longest = max(longest, time.monotonic() - before)
        pace(began, sent)
    head_end(sock)
    print("up", sock.recv(200).split()[1].decode(), int(longest * 1000), flush=True)


threads = [threading.Thread(target=target) for target in (down, up)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
