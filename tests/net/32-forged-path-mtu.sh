#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A stranger says that the path to a client is narrow: forged ICMP errors about the tunnel's
# own datagrams make it less efficient for a while; TCP and pings go on.
#
#   alice ==== WireGuard ==== gateway ---- internet (forges "fragmentation needed")
. "$(dirname "$0")/lib.sh"
needs_culvert
a_gateway_and_alice
serve internet
want=$(sum_of 5000000)
# Attackers have routes, unlike this internet's honest hosts.
on internet ip route add 203.0.113.0/24 via 198.51.100.1
python internet <<'END'
import socket, struct
def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff
sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
quoted = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 1480, 0, 0x4000, 64, 17, 0,
                     socket.inet_aton("203.0.113.1"), socket.inet_aton("203.0.113.2"))
quoted = quoted[:10] + struct.pack("!H", checksum(quoted)) + quoted[12:]
quoted += struct.pack("!HHHH", 51820, 9, 1460, 0) + bytes(8)
for mtu in (0, 68, 552, 1000):
    error = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + quoted
    error = error[:2] + struct.pack("!H", checksum(error)) + error[4:]
    sock.sendto(error, ("203.0.113.1", 0))
END
sleep 0.2
check "a large ping is answered still" on alice ping -c 2 -W 1 -M dont -s 1300 198.51.100.2
check "a download is whole" same "$(download alice 5000000 10)" "$want"
check "little was too large to send" compare "$(drops WG_SEND)" '<' 10
finish
