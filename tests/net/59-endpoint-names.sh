#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The endpoint is a name.  Nobody may be there to ask at the start; it may lead elsewhere later, after
# the gateway has moved: the client asks again by itself, and packets don't wait for the answer.
#
#   alice (asks her hosts file, and a name server that is not there) ==== gateway
#
# Waits more than it works.

. "$(dirname "$0")/lib.sh"
needs_culvert
three_hosts
gateway_init || { failed "culvert init makes a configuration" && finish; }
gateway_peer alice
sed -i 's/^Endpoint.*/Endpoint = vpn.example.com:51820/' "$T/alice.conf"
gateway_start
vpn_is() { # ADDRESS
	echo "127.0.0.1 localhost
$1 vpn.example.com" >"$T/alice/hosts"
}
pong() {
	on alice ping -c 1 -W 1 10.66.77.1
}
log=$T/connect-alice.log

connect alice
check "without a name server it starts, and says what it waits for" wait_for 5 \
	grep -q 'no name server tells the address of vpn.example.com' "$log"
check "it runs" kill -0 "$(cat "$T/connect-alice.spawned")"
vpn_is 203.0.113.1
began=$(now_ms)
check "once the name is known, it connects by itself" wait_for 8 pong
echo "# after $(($(now_ms) - began)) ms"
despawn connect-alice

# The name leads to a place where nobody is, until it is corrected.
vpn_is 203.0.113.99
connect alice
vpn_is 203.0.113.1
began=$(now_ms)
check "a name that leads elsewhere by now is looked up again" wait_for 22 pong
echo "# after $(($(now_ms) - began)) ms"
check "and the log says where" grep -q 'vpn.example.com is at 203.0.113.1:51820 now' "$log"
check "it has stayed the same process" \
	same "$(client_status alice pid)" "$(cat "$T/connect-alice.spawned")"
despawn connect-alice
finish
