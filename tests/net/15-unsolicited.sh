#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Nobody outside reaches a client that did not ask: every UDP port, many TCP ports and pings
# of the external address end at the gateway.  A port that a client has opened admits UDP from
# anybody (RFC 4787, endpoint-independent filtering) and TCP from its peer only.
#
#   alice ==== WireGuard ==== gateway ---- internet (knocks on every port)
#
# Not disturbed by others.

. "$(dirname "$0")/lib.sh"
needs_culvert
a_gateway_and_alice
serve internet
# Blocks of ports are leased once there are flows.
fetch alice http://198.51.100.2/ >/dev/null
on alice dig +time=1 +tries=1 @198.51.100.2 -p 7 x >/dev/null

capture knocks alice wg0 'udp or (tcp[13] & 2 != 0) or icmp[0] == 8'
python internet <<'END'
import socket, time
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("198.51.100.2", 5555))
for port in range(1, 65536):
    if port != 51820:
        try:
            udp.sendto(b"knock", ("198.51.100.1", port))
        except OSError:
            pass
    if port % 512 == 0:
        time.sleep(0.01)
for port in range(1024, 65536, 32):
    tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    tcp.setblocking(False)
    try:
        tcp.connect(("198.51.100.1", port))
    except OSError:
        pass
    if port % 512 == 0:
        time.sleep(0.01)
END
on internet ping -q -c 5 -i 0.05 -W 1 198.51.100.1 >/dev/null
capture_end knocks
# The client's own question above left one port that anybody may answer.
check "no knock reached the client, but on the one port that it had opened" \
	compare "$(captured knocks)" '<=' 1
check "what ended at leased ports is counted" \
	compare "$(drops NAT_NO_MAPPING) + $(drops NAT_FILTERED) + $(drops NAT_TCP_STATE)" '>' 0
check "the host still answers pings itself" on internet ping -c 1 -W 1 198.51.100.1

python alice <<'END' >"$T/anybody" &
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(5)
sock.sendto(b"?", ("198.51.100.2", 7001))
print(sock.recv(100).decode(), flush=True)
print(sock.recv(100).decode(), flush=True)
END
asker=$!
wait_for 5 grep -q 198.51.100.1 "$T/anybody"
mapped=$(sed -n '1s/.* //p' "$T/anybody")
python internet "$mapped" <<'END'
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("198.51.100.53", 0))
sock.sendto(b"from another address", ("198.51.100.1", int(sys.argv[1])))
END
wait $asker
check "a UDP port that the client opened admits another sender" \
	grep -q 'from another address' "$T/anybody"

on alice curl -sS --max-time 4 http://198.51.100.2/slow/100000000 >/dev/null 2>&1 &
sleep 1
port=$(on internet ss -Htn state established sport = :80 |
	awk '{ sub(/.*:/, "", $4); print $4; exit }')
check "a download is under way" compare "$port" '>' 0
capture syn alice wg0 'tcp[13] & 18 == 2'
on internet curl -s --interface 198.51.100.53 --max-time 1 "http://198.51.100.1:$port/"
capture_end syn
check "a TCP port that it opened admits no SYN from another address" \
	compare "$(captured syn)" == 0
finish
