#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""naive_relay.py udp2tcp|tcp2udp LISTEN-ADDRESS LISTEN-PORT TO-ADDRESS TO-PORT

Carries UDP datagrams over one TCP connection, each behind its length in two bytes, as
udp-over-tcp does, with the kernel's own buffers and nothing else: what our streams are compared
with.  One client.  Prints "ready" when it listens.
"""

import socket
import struct
import sys
import threading


def to_stream(udp, tcp, remember):
    while True:
        datagram, sender = udp.recvfrom(65535)
        remember(sender)
        tcp.sendall(struct.pack(">H", len(datagram)) + datagram)


def from_stream(tcp, send):
    file = tcp.makefile("rb", 1 << 16)
    while header := file.read(2):
        send(file.read(struct.unpack(">H", header)[0]))


def bound_udp(address):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sock.bind(address)
    return sock


def start(function, *args):
    threading.Thread(target=function, args=args, daemon=True).start()


def udp2tcp(listen, to):
    udp = bound_udp(listen)
    print("ready", flush=True)
    first, sender = udp.recvfrom(65535)
    client = [sender]
    tcp = socket.create_connection(to)
    tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    tcp.sendall(struct.pack(">H", len(first)) + first)
    start(to_stream, udp, tcp, lambda where: client.__setitem__(0, where))
    from_stream(tcp, lambda datagram: udp.sendto(datagram, client[0]))


def tcp2udp(listen, to):
    server = socket.create_server(listen)
    print("ready", flush=True)
    tcp, _ = server.accept()
    tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    udp = bound_udp(("0.0.0.0", 0))
    start(to_stream, udp, tcp, lambda where: None)
    from_stream(tcp, lambda datagram: udp.sendto(datagram, to))


mode, listen_address, listen_port, to_address, to_port = sys.argv[1:]
run = {"udp2tcp": udp2tcp, "tcp2udp": tcp2udp}[mode]
run((listen_address, int(listen_port)), (to_address, int(to_port)))
