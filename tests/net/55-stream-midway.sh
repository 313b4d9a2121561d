#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# UDP is cut off in the middle of a download: WireGuard notices after 15 s without an answer, our
# own client then goes on by TCP, and the download with it.  The gateway is restarted while
# the client is there by TCP, and traffic is back within five seconds.
#
#   alice ==== UDP 51820 (dropped at some point), TCP 443 ==== gateway ---- internet
#
# Not disturbed by others.

. "$(dirname "$0")/lib.sh"
needs_culvert
three_hosts
gateway_init || { failed "culvert init makes a configuration" && finish; }
config_set Stream Port 443
gateway_peer alice
gateway_start
serve internet
connect alice
on alice ip route add 198.51.100.0/24 dev wg0
pong() {
	on alice ping -c 1 -W 0.5 198.51.100.2
}
check "traffic passes" wait_for 5 pong
check "by UDP" same "$(transport alice)" udp

on alice curl -sS --max-time 60 http://198.51.100.2/slow/60000000 | sha256sum |
	cut -d ' ' -f 1 >"$T/got" &
download=$!
sleep 1
on gateway nft -f - <<'END'
table inet blocked {
	chain in {
		type filter hook prerouting priority -400;
		iifname access meta l4proto udp drop
	}
	chain out {
		type filter hook postrouting priority 400;
		oifname access meta l4proto udp drop
	}
}
END
began=$(now_ms)
check "cut off from UDP, traffic passes by TCP within 22 seconds" \
	wait_for 22 eval 'by_transport alice stream && pong'
echo "# after $(($(now_ms) - began)) ms"
wait $download
check "the download is whole" same "$(cat "$T/got")" "$(sum_of 60000000)"
check "the client's log says so in one line" \
	compare "$(grep -c TCP "$T/connect-alice.log")" == 1

gateway_stop KILL
gateway_start
began=$(now_ms)
check "the gateway is killed and starts again: five seconds later traffic passes" \
	wait_for 5 pong
echo "# after $(($(now_ms) - began)) ms"
check "by TCP" same "$(transport alice)" stream
check "SIGTERM ends the client" despawn connect-alice
check "and its streams: the gateway has none" \
	wait_for 3 eval '[ "$(status stream.connections)" = 0 ]'
finish
