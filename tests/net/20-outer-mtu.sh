#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Whatever the MTU of the path outside the tunnel, the gateway sends no IP fragments
# there, and downloads keep a sane pace.
#
#   alice ---- (MTU 1500, 1400, 1280) ---- gateway ---- internet
#        ======= WireGuard =============
. "$(dirname "$0")/lib.sh"
needs_culvert
a_gateway_and_alice
serve internet
want=$(sum_of 20000000)
for mtu in 1500 1400 1280; do
	on alice ip link set eth0 mtu $mtu
	on gateway ip link set access mtu $mtu
	# A client that comes up on such a link gets its MTU by wg-quick's own reckoning.
	on alice ip link set wg0 mtu $((mtu - 80))
	capture fragments alice eth0 'src host 203.0.113.1 and ip[6:2] & 0x3fff != 0'
	began=$(now_ms)
	check "with an outer MTU of $mtu a download is whole" \
		same "$(download alice 20000000 20)" "$want"
	check "in less than ten seconds" compare "$(now_ms) - $began" '<' 10000
	check "a ping of 1300 bytes, in fragments inside if it must, is answered" \
		on alice ping -c 3 -i 0.2 -W 1 -M dont -s 1300 198.51.100.2
	capture_end fragments
	check "the gateway has sent no fragments outside" compare "$(captured fragments)" == 0
done
finish
