#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""flows.py serve ADDRESS | run SERVER RATE SECONDS - many short flows

`run` begins RATE flows a second, by turns a TCP connection to port 7 and a datagram to
port 53, each from a port of its own, and waits for the echo of each.  A datagram is
repeated after one second, twice.  Prints "begun N failed N repeated N".
"""

import asyncio
import sys

WORD = b"thirty-two bytes, like a query.."
repeated = 0


class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, sender):
        self.transport.sendto(data, sender)


class Asker(asyncio.DatagramProtocol):
    def __init__(self):
        self.answer = asyncio.get_running_loop().create_future()

    def datagram_received(self, data, _):
        if not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, error):
        if not self.answer.done():
            self.answer.set_exception(error)


async def echo(reader, writer):
    writer.write(await reader.read(100))
    # The client closes first, as most do.
    await reader.read(1)
    writer.close()


async def serve(address):
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(Echo, local_addr=(address, 53))
    server = await asyncio.start_server(echo, address, 7, backlog=1024)
    print("ready", flush=True)
    await server.serve_forever()


async def connection(server):
    reader, writer = await asyncio.wait_for(asyncio.open_connection(server, 7), 10)
    writer.write(WORD)
    answer = await asyncio.wait_for(reader.read(100), 10)
    writer.close()
    return answer == WORD


async def datagram(server):
    global repeated
    loop = asyncio.get_running_loop()
    transport, asker = await loop.create_datagram_endpoint(Asker, remote_addr=(server, 53))
    try:
        for attempt in range(3):
            repeated += attempt > 0
            transport.sendto(WORD)
            done, _ = await asyncio.wait([asker.answer], timeout=1)
            if done:
                return asker.answer.result() == WORD
        return False
    finally:
        transport.close()


async def run(server, rate, seconds):
    loop = asyncio.get_running_loop()
    began, begun, waiting, failed = loop.time(), 0, set(), 0

    def ended(task):
        nonlocal failed
        waiting.discard(task)
        failed += task.exception() is not None or not task.result()

    while loop.time() - began < seconds:
        while begun < (loop.time() - began) * rate:
            task = loop.create_task((datagram if begun % 2 else connection)(server))
            waiting.add(task)
            task.add_done_callback(ended)
            begun += 1
        await asyncio.sleep(0.02)
    if waiting:
        await asyncio.wait(waiting)
    await asyncio.sleep(0)
    print("begun", begun, "failed", failed, "repeated", repeated)


if sys.argv[1] == "serve":
    asyncio.run(serve(sys.argv[2]))
else:
    asyncio.run(run(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
