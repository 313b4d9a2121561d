#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Multicast and broadcast noise on the host's own adapter goes nowhere, makes no loop, and
# the counters come to rest.
#
#   alice ==== WireGuard ==== gateway (culvert0: noise) ---- internet
. "$(dirname "$0")/lib.sh"
needs_culvert
a_gateway_and_alice
adapter=$(status adapter)
[ "${adapter:-0}" != 0 ] || skip "the gateway has made no adapter here"
capture alice alice wg0 'dst net 224.0.0.0/4 or dst host 255.255.255.255 or dst host 10.66.77.255'
capture wan internet eth0 'ip and not icmp'
cpu=$(gateway_cpu_us)
python gateway "$adapter" <<'END'
import socket, sys
device = sys.argv[1].encode() + b"\0"
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
for _ in range(500):
    for where in (("239.255.255.250", 1900), ("224.0.0.251", 5353), ("10.66.77.255", 137),
                  ("255.255.255.255", 67)):
        try:
            sock.sendto(b"noise", where)
        except OSError:
            pass
END
sleep 1
first=$(status packets_in)
sleep 1
second=$(status packets_in)
capture_end alice
capture_end wan
check "the noise was seen" compare "$(drops ROUTE_MULTICAST)" '>' 1000
check "no client got any of it" compare "$(captured alice)" == 0
check "nothing of it left by the external interface" compare "$(captured wan)" == 0
check "the counters have come to rest" compare "$second - $first" '<' 5
check "there was no loop" compare "$(gateway_cpu_us) - $cpu" '<' 500000
check "clients are served" on alice ping -c 1 -W 1 198.51.100.2
finish
