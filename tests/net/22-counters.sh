#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Every packet is accounted for: what came in is what went out and what was dropped for one
# counted reason.
#
#   alice, bob ==== WireGuard ==== gateway ---- internet
. "$(dirname "$0")/lib.sh"
needs_culvert
a_gateway_and_alice
and_bob
serve internet
resolver internet

fetch alice http://198.51.100.2/bytes/30000000 20 >/dev/null
fetch bob http://198.51.100.2/bytes/10000000 20 >/dev/null
seq 50 | on bob xargs -P 8 -I{} curl -s -o /dev/null --max-time 5 http://198.51.100.2/
on alice ping -q -c 20 -i 0.01 10.66.77.3 >/dev/null        # client to client
on alice ping -q -c 20 -i 0.01 10.66.77.1 >/dev/null        # the gateway itself
on alice ping -q -c 5 -i 0.01 -s 4000 198.51.100.2 >/dev/null # fragments
on alice ping -q -c 5 -i 0.01 -W 1 10.99.99.99 >/dev/null   # refused
on alice ping -q -c 5 -i 0.01 -W 1 10.66.77.200 >/dev/null  # nobody's
on alice traceroute -n -q 1 -w 1 -m 3 198.51.100.2 >/dev/null
seq -f 'n%g.example.com' 1 20 | on alice xargs -P 20 -I{} dig +time=2 @10.66.77.1 {} >/dev/null
on bob sh -c 'head -c 100 /dev/urandom >/dev/udp/203.0.113.1/51820' 2>/dev/null
on internet ping -q -c 5 -i 0.01 198.51.100.1 >/dev/null

balance() {
	status_json >"$T/status.json"
	in=$(/usr/bin/python3 "$TOOLS/status.py" packets_in <"$T/status.json")
	out=$(/usr/bin/python3 "$TOOLS/status.py" packets_out <"$T/status.json")
	dropped=$(/usr/bin/python3 "$TOOLS/status.py" sum:drops <"$T/status.json")
	echo "in $in, out $out, dropped $dropped, unaccounted $((in - out - dropped))"
	[ "$in" = "$((out + dropped))" ]
}
check "packets in are packets out and drops" wait_for 3 balance
balance | sed 's/^/# /'
check "there were packets" compare "$(status packets_in)" '>' 1000
check "a refused network has its counter" compare "$(drops ROUTE_PRIVATE)" '>=' 5
check "an address that no client has, its own" compare "$(drops ROUTE_NO_PEER)" '>=' 5
check "a TTL that ran out, its own" compare "$(drops ROUTE_TTL)" '>=' 1
check "the client's bytes are counted" compare "$(status peers.alice.tx_bytes)" '>' 30000000
finish
