#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Carries a client's datagrams to the gateway by TCP, as udp-over-tcp's helper does.

usage: udp2tcp.py PORT HOST PORT [tls]

Listens on UDP 127.0.0.1:PORT, answers whoever spoke last, and frames each datagram by its length in
two bytes.  Connects anew when the connection ends.  With tls the certificate is not checked, but the
SHA-256 of its Ed25519 key is printed, in base64, as the gateway's client files have it.
"""
import asyncio
import base64
import hashlib
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
    def __init__(self):
        self.transport = self.client = self.writer = None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.client = addr
        writer = self.writer
        if writer and writer.transport.get_write_buffer_size() < BACKLOG:
            writer.write(len(data).to_bytes(2, "big") + data)

    async def carry_back(self, reader):
        while True:
            size = int.from_bytes(await reader.readexactly(2), "big")
            data = await reader.readexactly(size)
            if self.client:
                self.transport.sendto(data, self.client)


async def main(words):
    port, host, to = int(words[0]), words[1], int(words[2])
    tls = context(words)
    loop = asyncio.get_running_loop()
    _, local = await loop.create_datagram_endpoint(Local, local_addr=("127.0.0.1", port))
    while True:
        try:
            reader, local.writer = await asyncio.open_connection(host, to, ssl=tls)
            print("connected", pin(local.writer) if tls else "", flush=True)
            await local.carry_back(reader)
        except (OSError, EOFError) as error:
            print("disconnected:", error, flush=True)
        if local.writer:
            local.writer.close()
        local.writer = None
        await asyncio.sleep(0.2)


asyncio.run(main(sys.argv[1:]))
