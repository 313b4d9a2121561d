#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A cloud's server: one interface with a private address, behind 1:1 NAT.  Clients come and
# leave by the same interface, and the gateway detects everything but its public address.
#
#   alice 203.0.113.2 ---- cloud ---- internet 198.51.100.2
#                            | 198.51.100.1 <-> 172.31.0.10
#                         gateway 172.31.0.10 (eth0)
. "$(dirname "$0")/lib.sh"
needs_culvert
host alice gateway internet cloud
link alice eth0 cloud clients
link cloud wan internet eth0
link cloud servers gateway eth0
address alice eth0 203.0.113.2/24
address cloud clients 203.0.113.254/24
address cloud wan 198.51.100.1/24
address cloud servers 172.31.0.1/24
address gateway eth0 172.31.0.10/24
address internet eth0 198.51.100.2/24 198.51.100.53/24
on alice ip route add default via 203.0.113.254
on gateway ip route add default via 172.31.0.1
on cloud sysctl -q -w net.ipv4.ip_forward=1
on cloud nft -f - <<'END'
table ip one-to-one {
	chain in {
		type nat hook prerouting priority dstnat;
		ip daddr 198.51.100.1 dnat to 172.31.0.10
	}
	chain out {
		type nat hook postrouting priority srcnat;
		ip saddr 172.31.0.10 snat to 198.51.100.1
	}
}
END
serve internet
resolver internet
on gateway "$CULVERT" init --config "$CONFIG" --endpoint 198.51.100.1:51820 \
	--address 10.66.77.1/24 >"$T/init.out" 2>&1 </dev/null
config_set Dns Upstream 198.51.100.53
gateway_peer alice
check "the client's file names the public address" \
	grep -q '^Endpoint = 198.51.100.1:51820' "$T/alice.conf"
gateway_start
client_up alice
check "a ping through it" wait_for 5 on alice ping -c 1 -W 1 198.51.100.2
check "the internet sees the public address" \
	same "$(fetch alice http://198.51.100.2/ | cut -d ' ' -f 1)" 198.51.100.1
check "a download of 20 MB is whole" same "$(download alice 20000000 20)" "$(sum_of 20000000)"
check "names" same "$(on alice dig +time=2 +tries=2 +short @10.66.77.1 www.example.com)" 198.51.100.2
check "the gateway detected its interface" same "$(status external.interface)" eth0
check "and its address" same "$(status external.address)" 172.31.0.10
finish
