#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Carries a client's datagrams to the gateway by TCP, as udp-over-tcp's helper does.

usage: udp2tcp.py PORT HOST PORT LANES [tls]

Listens on UDP 127.0.0.1:PORT, answers whoever spoke last, and frames each datagram by its length in
two bytes.  Datagrams go by LANES connections in turn; one that ends is made anew, and SIGUSR1 ends
the first.  With tls the certificate is not checked, but the SHA-256 of its Ed25519 key is printed, in
base64, as the gateway's client files have it.
"""
import asyncio
import base64
import hashlib
import signal
import ssl
import sys

# The SubjectPublicKeyInfo of an Ed25519 key up to its 32 bytes: RFC 8410 section 4.
ED25519 = bytes.fromhex("302a300506032b6570032100")
BACKLOG = 1 << 20  # bytes that wait for TCP; what comes then is lost


def context(words):
    if "tls" not in words:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def pin(writer):
    certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    at = certificate.find(ED25519)
    key = certificate[at : at + len(ED25519) + 32]
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


class Local(asyncio.DatagramProtocol):
    def __init__(self, lanes):
        self.transport = self.client = None
        self.writers = [None] * lanes
        self.turn = 0

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.client = addr
        self.turn = (self.turn + 1) % len(self.writers)
        writer = self.writers[self.turn]
        if writer and writer.transport.get_write_buffer_size() < BACKLOG:
            writer.write(len(data).to_bytes(2, "big") + data)

    async def carry_back(self, reader):
        while True:
            size = int.from_bytes(await reader.readexactly(2), "big")
            data = await reader.readexactly(size)
            if self.client:
                self.transport.sendto(data, self.client)

    async def keep(self, lane, host, port, tls):
        while True:
            try:
                reader, writer = await asyncio.open_connection(host, port, ssl=tls)
                print("connected", pin(writer) if tls else "", flush=True)
                self.writers[lane] = writer
                await self.carry_back(reader)
            except (OSError, EOFError) as error:
                print("disconnected:", error, flush=True)
            if self.writers[lane]:
                self.writers[lane].close()
            self.writers[lane] = None
            await asyncio.sleep(0.2)

    def end_first(self):
        if self.writers[0]:
            self.writers[0].transport.abort()


async def main(words):
    port, host, to, lanes = int(words[0]), words[1], int(words[2]), int(words[3])
    tls = context(words)
    loop = asyncio.get_running_loop()
    _, local = await loop.create_datagram_endpoint(
        lambda: Local(lanes), local_addr=("127.0.0.1", port)
    )
    loop.add_signal_handler(signal.SIGUSR1, local.end_first)
    await asyncio.gather(*(local.keep(lane, host, to, tls) for lane in range(lanes)))


asyncio.run(main(sys.argv[1:]))
