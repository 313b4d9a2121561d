#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A network that lets no UDP through: our own client goes on by TCP within ten seconds, the
# gateway sees the same peer there, and once UDP passes again it goes back.  With and without TLS;
# a gateway with another key than the pinned one is refused.
#
#   alice ==== UDP 51820 (dropped in between), TCP 443 ==== gateway ---- internet
#
# Not disturbed by others.

. "$(dirname "$0")/lib.sh"
needs_culvert
three_hosts
gateway_init || { failed "culvert init makes a configuration" && finish; }
config_set Stream Port 443
config_set Stream Tls no
gateway_peer alice
check "the client's file says where the stream is" \
	grep -q '^# Stream = tcp://203.0.113.1:443$' "$T/alice.conf"
gateway_start
serve internet

# Before any socket sees it, as a network on the way would.
block_udp() {
	on gateway nft -f - <<-'END'
		table inet blocked {
			chain in {
				type filter hook prerouting priority -400;
				iifname access meta l4proto udp counter drop
			}
		}
	END
}
allow_udp() {
	on gateway nft delete table inet blocked
}
pong() {
	on alice ping -c 1 -W 1 10.66.77.1
}

block_udp
began=$(now_ms)
connect alice
check "with UDP blocked, 10.66.77.1 answers within ten seconds" wait_for 10 pong
echo "# after $(($(now_ms) - began)) ms"
check "the client says that it is by TCP" same "$(transport alice)" stream
on alice ip route add 198.51.100.0/24 dev wg0
check "a download by TCP is whole" same "$(download alice 50000000 20)" "$(sum_of 50000000)"
check "the gateway has it as the peer that it knows" \
	compare "$(status peers.alice.handshake_age)" '<' 15
check "and as no other one" same "$(status peers.1)" 0

# A download goes on while the tunnel changes its transport.
want=$(sum_of 80000000)
on alice curl -sS --max-time 40 http://198.51.100.2/slow/80000000 | sha256sum |
	cut -d ' ' -f 1 >"$T/got" &
download=$!
allow_udp
began=$(now_ms)
check "UDP passes again: the client is back there within twenty seconds" \
	wait_for 20 by_transport alice udp
echo "# after $(($(now_ms) - began)) ms"
check "its streams are closed" wait_for 5 eval '[ "$(client_status alice peers.0.streams)" = 0 ]'
wait $download
check "a download across the change is whole" same "$(cat "$T/got")" "$want"
check "SIGTERM ends the client" despawn connect-alice

# --- TLS with a key that the file pins --------------------------------------------------

config_set Stream Tls yes
gateway_peer bob 2>/dev/null
gateway_stop
gateway_start
mv "$T/bob.conf" "$T/alice.conf"
check "the client's file pins the gateway's key" \
	grep -q '^# Stream = tls://203.0.113.1:443 sha256:.\{44\}$' "$T/alice.conf"
block_udp
capture tls alice eth0 'tcp port 443'
connect alice
check "with UDP blocked, TLS gets through within ten seconds" wait_for 10 pong
capture_end tls
check "the client says that it is by TCP" same "$(transport alice)" stream
check "what passes is TLS" compare "$(captured tls 'tcp[((tcp[12] & 0xf0) >> 2):2] == 0x1603')" '>' 1
despawn connect-alice

sed -i 's/sha256:A/sha256:B/; t; s/sha256:./sha256:A/' "$T/alice.conf"
connect alice
refused() {
	client_status alice trouble | grep -qi 'key\|pin\|certificate'
}
check "a gateway with another key than the pinned one is refused, and why is said" \
	wait_for 10 refused
echo "# $(client_status alice trouble)"
check_not "nothing passes" pong
finish
