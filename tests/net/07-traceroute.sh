#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# ICMP errors find their way back: traceroute by UDP, ICMP and TCP shows the hops, and a
# narrow link further out shrinks TCP and UDP flows.
#
#   alice ==== WireGuard ==== gateway ---- internet ---- far
#                             10.66.77.1   198.51.100.2  192.0.3.2 (from here on MTU 1280)
. "$(dirname "$0")/lib.sh"
three_hosts
host far
link internet eth1 far eth0
address internet eth1 192.0.3.1/24
address far eth0 192.0.3.2/24
on far ip route add default via 192.0.3.1
on internet sysctl -q -w net.ipv4.ip_forward=1
on internet sysctl -q -w net.ipv4.icmp_ratelimit=0
on internet ip link set eth1 mtu 1280
on far ip link set eth0 mtu 1280
gateway_init
gateway_peer alice
gateway_start
client_up alice
wait_for 5 on alice ping -c 1 -W 1 10.66.77.1
serve far

for method in udp icmp tcp; do
	on alice traceroute -n -q 1 -w 2 -m 5 -M $method 192.0.3.2 >"$T/hops" 2>&1
	check "traceroute by $method shows the gateway" grep -q '^ *1  10.66.77.1' "$T/hops"
	check "traceroute by $method shows the hop behind it" grep -q '^ *2  198.51.100.2' "$T/hops"
	check "traceroute by $method arrives" grep -q '^ *3  192.0.3.2' "$T/hops"
done

check_not "a ping too large for the narrow link is refused" \
	on alice ping -c 1 -W 1 -M 'do' -s 1300 192.0.3.2
on alice ping -c 2 -i 0.2 -W 1 -M 'do' -s 1300 192.0.3.2 >"$T/ping" 2>&1
check "and the client has learnt its MTU" grep -q 'mtu *= *1280' "$T/ping"
on alice ip route flush cache
head -c 20000000 /dev/zero >"$T/upload"
check "an upload through the narrow link works" \
	on alice curl -sS --fail --max-time 20 -X POST --data-binary "@$T/upload" http://192.0.3.2/
check "a download through the narrow link works" \
	on alice curl -sS --fail --max-time 20 -o /dev/null http://192.0.3.2/bytes/20000000

python alice >"$T/udp-mtu" <<'END'
import errno, socket, time
IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_MTU = 10, 2, 14
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
sock.connect(("192.0.3.2", 7))
for _ in range(20):
    try:
        sock.send(bytes(1300))
    except OSError as error:
        if error.errno != errno.EMSGSIZE:
            raise
        break
    time.sleep(0.1)
print(sock.getsockopt(socket.IPPROTO_IP, IP_MTU))
END
check "a UDP socket with DF learns 1280" same "$(cat "$T/udp-mtu")" 1280
finish
