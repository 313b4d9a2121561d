#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The external address changes, as after a DHCP renewal, or goes away for a while: new flows
# work within a second of the new address.
#
#   alice ==== WireGuard ==== gateway 198.51.100.1 -> 198.51.100.9 ---- internet
. "$(dirname "$0")/lib.sh"
needs_culvert
a_gateway_and_alice
serve internet
check "before" fetch alice http://198.51.100.2/

on gateway ip addr flush dev wan
check_not "without an address nothing works" fetch alice http://198.51.100.2/ 1
address gateway wan 198.51.100.9/24
on gateway ip route add default via 198.51.100.2
began=$(now_ms)
new_flow() {
	# Each attempt is short: one that began too early would wait a second to try again.
	[ "$(fetch alice http://198.51.100.2/ 0.2 | cut -d ' ' -f 1)" = 198.51.100.9 ]
}
check "a new flow leaves by the new address within a second" wait_for 1 new_flow
echo "# after $(($(now_ms) - began)) ms"
check "status names it" same "$(status external.address)" 198.51.100.9

on gateway ip link set wan down
sleep 0.3
check "with the cable out status says so" same "$(status external.up)" false
on gateway ip link set wan up
on gateway ip route replace default via 198.51.100.2
check "with the cable back flows work" wait_for 3 new_flow
check "the log stays short" compare "$(wc -l <"$T/gateway.log")" '<' 30
finish
