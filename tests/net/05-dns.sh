#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# DNS at 10.66.77.1: UDP and TCP, large answers, many at once from two clients, and none
# that points outside names into the tunnel.
#
#   alice ==\\                                  internet
#             WireGuard ==== gateway ---------- 198.51.100.53 (unbound)
#   bob   ==//               10.66.77.1:53
. "$(dirname "$0")/lib.sh"
a_gateway_and_alice
and_bob
resolver internet

ask() { # HOST ARGUMENT...
	ask_host=$1
	shift
	on "$ask_host" dig +time=2 +tries=1 @10.66.77.1 "$@"
}
check "a name is resolved" same "$(ask alice +short www.example.com)" 198.51.100.2
ask alice www.example.com >"$T/dig"
check "in less than a second" compare "$(sed -n 's/.*Query time: \([0-9]*\).*/\1/p' "$T/dig")" '<' 1000
check "by TCP" same "$(ask alice +tcp +short www.example.com)" 198.51.100.2
ask bob nowhere.example.com >"$T/nowhere"
check "a name that is not there is NXDOMAIN" grep -q NXDOMAIN "$T/nowhere"

check "an answer of 3 KB by TCP is whole" \
	compare "$(ask alice +tcp +short big.example.com TXT | grep -c .)" == 15
check "an answer of 3 KB by UDP arrives in fragments or by TCP" \
	compare "$(ask alice +bufsize=4096 +short big.example.com TXT | grep -c .)" == 15
check "a client without EDNS gets it by TCP" \
	compare "$(ask alice +noedns +short big.example.com TXT | grep -c .)" == 15

for client in alice bob; do
	seq -f 'n%g.example.com' 1 100 | on "$client" xargs -P 50 -I{} \
		dig +time=3 +tries=1 +short @10.66.77.1 {} >"$T/$client.names" &
	eval "${client}_asks=$!"
done
# shellcheck disable=SC2154 # set by eval above
wait "$alice_asks" "$bob_asks"
check "100 names at once from the first of two clients are all answered" \
	compare "$(grep -c '^198.51.100.2$' "$T/alice.names")" == 100
check "and from the second" compare "$(grep -c '^198.51.100.2$' "$T/bob.names")" == 100

if [ "$GATEWAY" = culvert ]; then
	check "an outside name that points into the tunnel has no answer" \
		same "$(ask alice +short inside.example.com)" ""
	check_not "the gateway serves no DNS to the internet" \
		on internet dig +time=1 +tries=1 @198.51.100.1 www.example.com
fi
finish
