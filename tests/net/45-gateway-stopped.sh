#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The gateway is down for a while and comes back: our own client is back within five seconds,
# nobody does anything, and with the kill switch nothing has left beside the tunnel meanwhile.
#
#   alice ==== WireGuard ==== gateway (stopped, killed, started) ---- internet
#
# Not disturbed by others.

. "$(dirname "$0")/lib.sh"
needs_culvert
a_gateway_and_connect --kill-switch
pong() {
	on alice ping -c 1 -W 1 198.51.100.2
}
check "traffic passes" wait_for 3 pong
# What keeps a host on its link stays there: ARP, neighbour discovery, multicast listener reports.
capture leaks alice eth0 "ether src $(on alice cat /sys/class/net/eth0/address) and not arp and
	not udp port 51820 and not dst host ff02::16 and
	not (icmp6 and ip6[40] >= 133 and ip6[40] <= 137)"

for way in TERM KILL; do
	gateway_stop "$way"
	sleep 6
	check_not "SIG$way: without the gateway nothing is answered" pong
	# What programs would do meanwhile.
	on alice curl -s --max-time 1 http://203.0.113.1/ >/dev/null
	on alice ping -6 -c 1 -W 1 2001:db8:a::1 >/dev/null
	on alice dig +time=1 +tries=1 @203.0.113.1 example.com >/dev/null
	gateway_start
	began=$(now_ms)
	check "SIG$way: five seconds after its start at most, traffic passes again" wait_for 5 pong
	echo "# after $(($(now_ms) - began)) ms"
done
capture_end leaks
check "nothing has left beside the tunnel" compare "$(captured leaks)" == 0
check "the client has stayed the same process" \
	same "$(client_status alice pid)" "$(cat "$T/connect-alice.spawned")"
check "its log stays short" compare "$(wc -l <"$T/connect-alice.log")" '<' 20
finish
