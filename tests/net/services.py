#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""services.py ADDRESS TLS_DIRECTORY - the internet's services, for the network tests

HTTP on port 80 and HTTPS on 443:
  GET /               a page that names the caller: "198.51.100.1 40000\n"
  GET /bytes/N        N bytes that only depend on their position
  GET /slow/N         the same at about 20 MB/s, for what must still be running later
  POST /              answers with the number of bytes and their SHA-256
Echo on port 7, TCP and UDP.  UDP port 7001 answers with the sender's address.
"""

import hashlib
import http.server
import pathlib
import socket
import socketserver
import ssl
import sys
import threading
import time

BLOCK = b"".join(hashlib.sha256(bytes([i & 255, i >> 8])).digest() for i in range(2048))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and page leave as one segment instead of waiting for each other's ACK.
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        words = self.path.strip("/").split("/")
        if words[0] not in ("bytes", "slow"):
            self.answer(f"{self.client_address[0]} {self.client_address[1]}\n".encode())
            return
        left = int(words[1])
        self.send_response(200)
        self.send_header("Content-Length", str(left))
        self.end_headers()
        self.wfile.flush()
        while left:
            self.connection.sendall(BLOCK[:left])
            left -= min(left, len(BLOCK))
            if words[0] == "slow":
                time.sleep(len(BLOCK) / 20e6)

    def do_POST(self):
        left = total = int(self.headers["Content-Length"])
        digest = hashlib.sha256()
        while left:
            piece = self.rfile.read(min(left, 1 << 20))
            if not piece:
                return
            digest.update(piece)
            left -= len(piece)
        self.answer(f"{total} {digest.hexdigest()}\n".encode())


class WebServer(http.server.ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True

    def handle_error(self, *_):
        """A client that goes away is no news."""


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)


class EchoServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 512
    daemon_threads = True

    def handle_error(self, *_):
        """A client that goes away is no news."""


def udp_service(address, port, answer):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sock.bind((address, port))
    while True:
        data, sender = sock.recvfrom(65536)
        sock.sendto(answer(data, sender), sender)


def start(target, *args):
    threading.Thread(target=target, args=args, daemon=True).start()


def main():
    address, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    web, secure = WebServer((address, 80), Handler), WebServer((address, 443), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "chain.pem", directory / "key.pem")
    # The handshake runs in the connection's own thread: a slow client stalls nobody.
    secure.socket = context.wrap_socket(secure.socket, server_side=True,
                                        do_handshake_on_connect=False)
    for server in (web, secure, EchoServer((address, 7), Echo)):
        start(server.serve_forever)
    start(udp_service, address, 7, lambda data, sender: data)
    start(udp_service, address, 7001, lambda data, sender: f"{sender[0]} {sender[1]}".encode())
    print("ready", flush=True)
    threading.Event().wait()


main()
