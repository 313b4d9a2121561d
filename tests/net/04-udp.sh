#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# UDP in both directions: rates without loss, every size, datagrams that need fragments,
# and checksums as they should be.
#
#   alice ==== WireGuard ==== gateway ---- internet
#                                          UDP echo on port 7, iperf3
. "$(dirname "$0")/lib.sh"
a_gateway_and_alice
serve internet
spawn iperf internet iperf3 -s
wait_for 5 grep -q listening "$T/iperf.log"

# loss_percent ARGUMENT... - of two seconds of iperf3 at 50 Mbit/s
loss_percent() {
	on alice iperf3 -c 198.51.100.2 -u -b 50M -t 2 -l 1300 --json "$@" >"$T/iperf.json"
	/usr/bin/python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["end"]["sum"]["lost_percent"])' "$T/iperf.json"
}
check "50 Mbit/s up lose less than 1 %" compare "$(loss_percent)" '<' 1
check "50 Mbit/s down lose less than 1 %" compare "$(loss_percent -R)" '<' 1

python alice >"$T/sizes" <<'END'
import os, socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(1)
sock.connect(("198.51.100.2", 7))
wrong = []
for size in (0, 1, 2, 3, 17, 511, 512, 1390, 1391, 1392, 1393, 4000, 8192):
    data = os.urandom(size)
    # The server learns the tunnel's MTU from an ICMP error that costs it one answer.
    for attempt in range(2):
        sock.send(data)
        try:
            if sock.recv(65536) != data:
                wrong.append(f"{size} changed")
            break
        except TimeoutError:
            if attempt:
                wrong.append(f"{size} lost")
print(", ".join(wrong) or "all")
END
check "datagrams of 0 to 8192 bytes come back, in fragments where they must" \
	same "$(cat "$T/sizes")" all

capture checksums internet eth0 'udp and src host 198.51.100.1'
python alice >"$T/zero" <<'END'
import socket
SO_NO_CHECK = 11
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
sock.settimeout(2)
sock.sendto(b"no checksum", ("198.51.100.2", 7))
print(sock.recv(100).decode())
END
capture_end checksums
check "a datagram without a checksum comes back" same "$(cat "$T/zero")" "no checksum"
check "and has left without one" compare "$(captured checksums 'udp[6:2] == 0')" == 1

# One socket, many peers: the same external address and port for all of them (RFC 4787 REQ-1).
python alice >"$T/mapped" <<'END'
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(2)
for address in ("198.51.100.2", "198.51.100.53"):
    sock.sendto(b"?", (address, 7001))
    print(sock.recv(100).decode())
END
check "two servers see one client socket as one address and port" \
	compare "$(sort -u "$T/mapped" | wc -l)" == 1
finish
