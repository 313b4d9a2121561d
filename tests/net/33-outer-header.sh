#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What the tunnel's datagrams look like outside: DF, the source address that the client used,
# the inner packet's ECN (RFC 6040), and the configured FwMark.
#
#   alice ---- 203.0.113.1 and .9 (which she uses) gateway ---- internet
. "$(dirname "$0")/lib.sh"
needs_culvert
three_hosts
address gateway access 203.0.113.9/24
gateway_init || { failed "culvert init makes a configuration" && finish; }
gateway_peer alice
config_set Interface FwMark 0x77
sed -i 's/^Endpoint = 203.0.113.1:/Endpoint = 203.0.113.9:/' "$T/alice.conf"
# A counter in the test's own namespace: all that the tunnel sends, and what of it is marked.
on gateway nft -f - <<'END'
table inet marks {
	counter sent { }
	counter marked { }
	chain out {
		type filter hook output priority 0
		udp sport 51820 counter name sent
		udp sport 51820 meta mark 0x77 counter name marked
	}
}
END
counted() {
	on gateway nft list counter inet marks "$1" | sed -n 's/.*packets \([0-9]*\).*/\1/p'
}
gateway_start
capture outer alice eth0 'udp and src port 51820'
client_up alice
check "the client is served at the second address" on alice ping -c 3 -i 0.2 -W 1 198.51.100.2
on alice ping -q -c 3 -i 0.2 -W 1 -Q 2 198.51.100.2 >/dev/null
on alice ping -q -c 1 -W 1 -s 1300 198.51.100.2 >/dev/null
sleep 0.3
capture_end outer
total=$(captured outer)
check "there is something to look at" compare "$total" '>=' 7
check "every answer comes from the address that was used" \
	compare "$(captured outer 'src host 203.0.113.9')" == "$total"
check "every datagram bears DF" compare "$(captured outer 'ip[6] & 0x40 != 0')" == "$total"
check "what was ECN-capable inside is so outside" \
	compare "$(captured outer 'ip[1] & 3 == 2')" == 3
check "and the DSCP stays inside" compare "$(captured outer 'ip[1] & 0xfc != 0')" == 0
check "everything the tunnel sends is marked" compare "$(counted marked)" == "$(counted sent)"
check "and was seen" compare "$(counted sent)" '>=' 7
finish
