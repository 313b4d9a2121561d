#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""noise.py ADDRESS RATE SECONDS - datagrams that look like WireGuard's and are none

Every type and length, right and wrong, with random content.  Prints how many were sent.
"""

import os
import random
import socket
import sys
import time

ADDRESS, RATE, SECONDS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
SIZES = {1: 148, 2: 92, 3: 64, 4: 128}

random.seed(7)
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect((ADDRESS, 51820))
# A few hundred different ones, made before, leave the processor to who is under test.
words = []
for _ in range(500):
    kind = random.choice((0, 1, 2, 3, 4, 4, 5, 255))
    size = random.choice((SIZES.get(kind, 32), random.randrange(4, 1400)))
    words.append(bytes([kind, 0, 0, 0]) + os.urandom(size - 4))
sent, began = 0, time.monotonic()
while time.monotonic() - began < SECONDS:
    for _ in range(RATE // 100):
        try:
            sock.send(words[sent % len(words)])
        except OSError:
            pass
        sent += 1
    time.sleep(max(0, began + sent / RATE - time.monotonic()))
print(sent)
