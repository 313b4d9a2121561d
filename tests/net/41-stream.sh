#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Where UDP is blocked the tunnel goes by TCP: a stock client behind a helper that frames its datagrams
# (udp2tcp.py), first by one plain TCP connection, then by four with TLS.  In the end UDP is open again, and the client is back there.
#
#   alice wireguard-go - udp2tcp.py ==== TCP 443 ==== gateway ---- internet
#                         UDP blocked: ==X
. "$(dirname "$0")/lib.sh"
needs_culvert

# relay LANES [tls] - alice's helper; her client's endpoint is its port
relay() {
	spawn relay alice /usr/bin/python3 "$TOOLS/udp2tcp.py" 4000 203.0.113.1 443 "$@"
	wait_for 5 grep -q '^connected' "$T/relay.log"
}

transport_is() {
	[ "$(status peers.alice.transport)" = "$1" ]
}

connections_are() {
	[ "$(status stream.connections)" = "$1" ]
}

alice_reaches() {
	on alice ping -c 1 -W 1 "$1"
}

page() {
	on gateway "$CULVERT" status --config "$CONFIG"
}

three_hosts
gateway_init
config_set Stream Port 443
gateway_peer alice
pin=$(sed -n 's/^# Stream = tls:.*sha256://p' "$T/alice.conf")
config_set Stream Tls no
gateway_start
serve internet
on alice nft -f - <<'END'
table inet blocked {
	chain out { type filter hook output priority 0; oifname eth0 meta l4proto udp drop; }
	chain in { type filter hook input priority 0; iifname eth0 meta l4proto udp drop; }
}
END
# The helper's own connection stays outside the tunnel.
on alice ip rule add to 203.0.113.1 lookup main
sed -i 's/^Endpoint.*/Endpoint = 127.0.0.1:4000/' "$T/alice.conf"

relay 1
client_up alice || { failed "wg-quick takes the client's file" && finish; }
check "by TCP the client reaches the gateway" wait_for 10 alice_reaches 10.66.77.1
check "and the internet" wait_for 3 alice_reaches 198.51.100.2
want=$(sum_of 30000000)
check "a download by TCP is whole" same "$(download alice 30000000)" "$want"
check "large packets pass: the path is as wide as the tunnel" \
	on alice ping -c 1 -W 1 -M 'do' -s 1392 198.51.100.2
check "status says stream" transport_is stream
check "and counts one connection" same "$(status stream.connections)" 1
page >"$T/page"
check "the page shows it beside the endpoint" grep -q '203\.0\.113\.2:[0-9]* (stream)' "$T/page"
check "and has a line for streams" \
	grep -q 'streams on TCP port 443, without TLS, 1 connection$' "$T/page"
check "no packet is unaccounted for" same 0 "$(status_json | /usr/bin/python3 -c '
import json, sys
s = json.load(sys.stdin)
print(s["packets_in"] - s["packets_out"] - sum(s["drops"].values()))')"

# Noise on the port: a stranger gets no answer, and is closed.
on alice /usr/bin/python3 -c 'import socket
s = socket.create_connection(("203.0.113.1", 443))
s.sendall(b"\x00\x00\x00\x05GET / HTTP/1.1\r\n\r\n")
s.settimeout(1)
try:
	print(s.recv(1))
except TimeoutError:
	print("silence")' >"$T/noise"
check "a stranger hears nothing" grep -q silence "$T/noise"
check "its messages are counted" [ "$(drops WG_MALFORMED)" -ge 2 ]

client_down alice
despawn relay 2>/dev/null
gateway_stop
config_set Stream Tls yes
gateway_start
relay 4 tls
client_up alice
check "by TLS it is the same" wait_for 10 alice_reaches 198.51.100.2
check "the key is the one that the client's file expects" grep -q "connected $pin\$" "$T/relay.log"
check "a download by TLS is whole" same "$(download alice 30000000)" "$want"
check "status says stream" transport_is stream
check "and counts four connections" wait_for 2 connections_are 4

# So many that each connection has some of them.
want=$(sum_of 4000000)
downloads=
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	on alice curl -sS --max-time 10 http://198.51.100.2/slow/4000000 | sha256sum >"$T/got-$i" &
	downloads="$downloads $!"
done
sleep 0.3
kill -USR1 "$(cat "$T/relay.spawned")"
# shellcheck disable=SC2086 # several
wait $downloads
check "twelve downloads are whole although one of them ends meanwhile" \
	same 12 "$(cat "$T"/got-* | grep -c "^$want ")"
check "the helper had to connect again" \
	compare "$(grep -c '^connected' "$T/relay.log")" '>' 4

despawn relay 2>/dev/null
check "an ended connection is closed at once" wait_for 2 connections_are 0
on alice nft delete table inet blocked
on alice wg set wg0 peer "$(status public_key)" endpoint 203.0.113.1:51820
check "with UDP open again the client is back there" wait_for 5 alice_reaches 198.51.100.2
check "status says udp" transport_is udp
finish
