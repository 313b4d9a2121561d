#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What must never leave the gateway: packets with another's source address, protocols that
# no NAT translates, multicast, broadcast and the noise of local networks.
#
#   alice (sends it all) ==== WireGuard ==== gateway ---- internet (captures)
. "$(dirname "$0")/lib.sh"
needs_culvert
a_gateway_and_alice
and_bob
on alice ping -c 1 -W 1 198.51.100.2 >/dev/null
before=$(mappings)
in_before=$(status packets_in)
drops_before=$(status sum:drops)

capture out internet eth0 'ip or (ip6 and (tcp or udp))'
capture bob bob wg0 'ip and not src host 10.66.77.1'
python alice >"$T/sent" <<'END'
import logging, socket
logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.packet import Raw

tunnel = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
out = "198.51.100.2"
data = Raw(b"must not leave")
packets = [
    # Another's source, and sources outside the VPN
    *(IP(src=source, dst=out) / UDP(sport=7, dport=7) / data
      for source in ("10.66.77.3", "10.66.77.1", "10.66.77.200", "192.168.1.1", "198.51.100.1",
                     "203.0.113.2", "127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255")),
    IP(src="10.66.77.3", dst=out) / TCP(dport=80, flags="S"),
    IP(src="10.66.77.3", dst=out) / ICMP(),
    IP(src="10.66.77.3", dst="10.66.77.3") / UDP(dport=7) / data,
    # Protocols without ports: GRE, ESP, AH, IGMP, SCTP, OSPF, IPv6 in IPv4, IP in IP
    *(IP(src="10.66.77.2", dst=out, proto=proto) / data
      for proto in (47, 50, 51, 2, 132, 89, 41, 4, 0, 255)),
    # ICMP that is no query
    *(IP(src="10.66.77.2", dst=out) / ICMP(type=kind) / data for kind in (4, 5, 9, 10, 30, 40)),
    # Local noise: SSDP, mDNS, LLMNR, NetBIOS, DHCP, IGMP reports
    *(IP(src="10.66.77.2", dst=where, ttl=4) / UDP(sport=port, dport=port) / data
      for where, port in (("239.255.255.250", 1900), ("224.0.0.251", 5353), ("224.0.0.252", 5355),
                          ("10.66.77.255", 137), ("255.255.255.255", 67), ("224.0.0.1", 1),
                          ("10.66.77.0", 138), ("169.254.1.1", 80), ("0.0.0.0", 80),
                          ("127.0.0.1", 80), ("240.0.0.1", 80))),
    IP(src="10.66.77.2", dst="224.0.0.22", proto=2, ttl=1) / Raw(bytes(8)),
    # Headers that lie
    IP(src="10.66.77.2", dst=out, chksum=1) / UDP(dport=7) / data,
    IP(src="10.66.77.2", dst=out, len=4000) / UDP(dport=7) / data,
    IP(src="10.66.77.2", dst=out, ihl=3) / UDP(dport=7) / data,
    IP(src="10.66.77.2", dst=out) / UDP(dport=7, len=4000) / data,
    # A reset of nothing (an ACK of nothing may be a connection older than the gateway)
    IP(src="10.66.77.2", dst=out) / TCP(sport=1234, dport=80, flags="R"),
    IP(src="10.66.77.2", dst=out, ttl=1) / UDP(dport=7) / data,
    IP(src="10.66.77.2", dst=out, ttl=0) / UDP(dport=7) / data,
]
for packet in packets:
    tunnel.sendto(bytes(packet), ("wg0", 0x0800))
print(len(packets))
END
sleep 0.5
capture_end bob
capture_end out
check "the internet saw nothing of it" compare "$(captured out)" == 0
check "and neither did the other client" compare "$(captured bob)" == 0
[ "$(captured out)" = 0 ] || /usr/bin/python3 "$TOOLS/watch.py" show "$T/out.pcap" ip | sed 's/^/# /'
check "no port was used for it" compare "$(mappings)" '<=' "$before"
sent=$(cat "$T/sent")
check "all of it came in" compare "$(status packets_in) - $in_before" '>=' "$sent"
check "and all of it is counted as dropped" \
	compare "$(status sum:drops) - $drops_before" '>=' "$sent"
check "spoofed sources under their reason" compare "$(drops WG_SOURCE)" '>=' 12
check "protocols without ports under theirs" compare "$(drops NAT_PROTOCOL)" '>=' 8
check "multicast and broadcast under theirs" compare "$(drops ROUTE_MULTICAST)" '>=' 6
check "the tunnel still works" on alice ping -c 1 -W 1 198.51.100.2
finish
