#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Services of the gateway host itself: clients reach them by its address in the tunnel and
# by its external address; a neighbour of the gateway reaches no client, whether the host
# forwards or not.
#
#   alice ==== WireGuard ==== gateway (web server) ---- internet
#                                 |                     (claims a route to 10.66.77.0/24)
#                                 +---- neighbour (claims one too)
#
# Not disturbed by others.

. "$(dirname "$0")/lib.sh"
a_gateway_and_alice
host neighbour
link gateway lan neighbour eth0
address gateway lan 172.30.0.1/24
address neighbour eth0 172.30.0.2/24
on neighbour ip route add default via 172.30.0.1
on internet ip route add 10.66.77.0/24 via 198.51.100.1
serve gateway

check "the host's web server by 10.66.77.1" fetch alice http://10.66.77.1/
check "it sees the client's own address" \
	same "$(fetch alice http://10.66.77.1/ | cut -d ' ' -f 1)" 10.66.77.2
check "the host's web server by the external address" fetch alice http://198.51.100.1/
check "20 MB from it arrive whole" \
	same "$(on alice curl -sS --max-time 20 http://198.51.100.1/bytes/20000000 | sha256sum)" \
	"$(on gateway curl -sS http://127.0.0.1/bytes/20000000 | sha256sum)"
check "the host reaches the client" on gateway ping -c 2 -i 0.1 -W 1 10.66.77.2
check_not "a closed port of the host is refused" fetch alice http://10.66.77.1:81/ 2

[ "$GATEWAY" = culvert ] || finish
capture at-alice alice wg0 'icmp[0] == 8'
for forward in 0 1; do
	on gateway sysctl -q -w net.ipv4.ip_forward=$forward
	check_not "with ip_forward=$forward a neighbour does not reach the client" \
		on neighbour ping -c 2 -i 0.2 -W 1 10.66.77.2
	check_not "with ip_forward=$forward the internet does not reach the client" \
		on internet ping -c 2 -i 0.2 -W 1 10.66.77.2
done
capture_end at-alice
check "and nothing of it arrived there" compare "$(captured at-alice)" == 0
check_not "the client does not reach the neighbour: its route leaves by another interface" \
	on alice ping -c 2 -i 0.2 -W 1 172.30.0.2
finish
