#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Two devices with one file: each takes the tunnel from the other.  That makes no storm of handshakes, and
# somebody says what is wrong.
#
#   alice (the file) ==== gateway ==== bob (the same file)
#
# Not disturbed by others.

. "$(dirname "$0")/lib.sh"
needs_culvert
a_gateway_and_connect
second_client
cp "$T/alice.conf" "$T/bob.conf"
capture handshakes gateway access 'udp port 51820 and udp[8] == 1'
capture handshakes2 gateway access2 'udp port 51820 and udp[8] == 1'
connect bob
spawn pings alice ping -n -i 0.2 -W 1 10.66.77.1
spawn pings2 bob ping -n -i 0.2 -W 1 10.66.77.1
# After 15 s without an answer the one that has lost it takes it back.
sleep 22
despawn pings
despawn pings2
capture_end handshakes
capture_end handshakes2
echo "# initiations in 22 s: alice $(captured handshakes), bob $(captured handshakes2)"
check "in 22 s there are six handshakes at most" \
	compare "$(captured handshakes) + $(captured handshakes2)" '<=' 6
check "both have had answers" compare "$(grep -c time= "$T/pings.log")" '>' 0
check "both" compare "$(grep -c time= "$T/pings2.log")" '>' 0
check "the gateway says that two devices seem to have one key" \
	grep -qi 'two devices\|same key\|one key' "$T/gateway.log"
check "and says it once" compare "$(grep -ci 'two devices\|same key\|one key' "$T/gateway.log")" == 1
finish
