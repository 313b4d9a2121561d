#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# TLS with a certificate that fills several full-size packets, by address and by name:
# the first thing that breaks where the tunnel's MTU is wrong.
#
#   alice ==== WireGuard ==== gateway ---- internet
#                             10.66.77.1:53 -> 198.51.100.53
. "$(dirname "$0")/lib.sh"
a_gateway_and_alice
serve internet
resolver internet

secure() {
	on alice curl -sS --fail --max-time 5 --cacert "$T/tls/chain.pem" "$@"
}
check "the certificate needs more than two packets" \
	compare "$(openssl x509 -in "$T/tls/chain.pem" -outform DER | wc -c)" '>' 3000
check "TLS by address" secure https://198.51.100.2/
check "TLS by name, resolved at 10.66.77.1" secure https://www.example.com/
check "the client asks 10.66.77.1 for names" on alice grep -q 10.66.77.1 /etc/resolv.conf
check "20 MB by TLS" \
	same "$(secure https://www.example.com/bytes/20000000 | sha256sum | cut -d ' ' -f 1)" \
	"$(sum_of 20000000)"

# A client that does not know the tunnel's MTU, like a container behind the client with an
# MTU of 1500: only the MSS clamp of the gateway keeps its segments small enough.
on alice ip link set wg0 mtu 1500
capture syn internet eth0 'tcp[13] & 2 != 0 and dst host 198.51.100.2'
check "TLS from a client that believes in an MTU of 1500" secure https://198.51.100.2/
capture_end syn
if [ "$GATEWAY" = culvert ]; then
	# The MSS option is the first of a SYN: kind 2, length 4, value.
	mss=$(/usr/bin/python3 "$TOOLS/watch.py" show "$T/syn.pcap" tcp | head -n 1 |
		cut -c 45-48)
	check "its MSS leaves the gateway as 1380 or less" compare "$((0x${mss:-ffff}))" '<=' 1380
fi
finish
