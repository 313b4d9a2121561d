#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Inside the tunnel IPv6 is refused at once, so that applications fall back to IPv4 instead of
# waiting, and never leaves; outside, clients may reach the gateway by IPv6.
#
#   alice 2001:db8:a::2 ==== WireGuard ==== 2001:db8:a::1 gateway ---- internet
. "$(dirname "$0")/lib.sh"
needs_culvert
a_gateway_and_alice
serve internet
address gateway wan 2001:db8:b::1/64
address internet eth0 2001:db8:b::2/64
on gateway ip -6 route add default via 2001:db8:b::2

check "the client has an IPv6 address in the tunnel" grep -q '^Address = .*fd[0-9a-f]*:.*/' "$T/alice.conf"
on internet ping -6 -c 1 -W 1 2001:db8:b::1 >/dev/null
capture six internet eth0 'ip6 and (tcp or udp)'
began=$(now_ms)
check_not "a connection by IPv6 is refused" \
	on alice curl -sS -6 --max-time 5 'http://[2001:db8:b::2]/'
check "at once" compare "$(now_ms) - $began" '<' 500
on alice sh -c 'printf "198.51.100.2 both.example.com\n2001:db8:b::2 both.example.com\n" >>/etc/hosts'
began=$(now_ms)
check "a name with both families is reached" fetch alice http://both.example.com/
check "without waiting for IPv6" compare "$(now_ms) - $began" '<' 1000
capture_end six
check "no IPv6 has left the gateway" compare "$(captured six)" == 0
check "it is counted" compare "$(drops IP6_REFUSED)" '>' 0

client_down alice
sed -i 's/^Endpoint = .*/Endpoint = [2001:db8:a::1]:51820/' "$T/alice.conf"
client_up alice
check "the gateway is reached by IPv6 outside" wait_for 5 on alice ping -c 1 -W 1 198.51.100.2
check "status says so" compare "$(status peers.alice.endpoint | grep -c '^\[2001:db8:a::2\]')" == 1
check "a download of 20 MB is whole" same "$(download alice 20000000 20)" "$(sum_of 20000000)"
finish
