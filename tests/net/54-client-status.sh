#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# `culvert status` of a client answers within 100 ms, whatever is down: the client, its network,
# the gateway, or all that is behind it.
#
#   alice ==== gateway ---- internet
. "$(dirname "$0")/lib.sh"
needs_culvert
# The start of the program and of its libraries counts, a busy machine's queue does not: the
# best of five.
best_ms() {
	best=100000
	for _ in 1 2 3 4 5; do
		best_began=$(now_ms)
		on alice "$CULVERT" status --config "$T/alice/wg0.conf" >"$T/page" 2>&1
		took=$(($(now_ms) - best_began))
		[ $took -ge $best ] || best=$took
	done
	echo "$best"
}
quick() { # WHAT
	ms=$(best_ms)
	check "$1: status takes less than 100 ms" compare "$ms" '<' 100
	echo "# $ms ms"
}
three_hosts
gateway_init || { failed "culvert init makes a configuration" && finish; }
gateway_peer alice
gateway_start
cp "$T/alice.conf" "$T/alice/wg0.conf"
chmod 600 "$T/alice/wg0.conf"
quick "no client runs"
connect alice
wait_for 5 on alice ping -c 1 -W 1 10.66.77.1
quick "all is well"
check "it names the adapter" grep -q wg0 "$T/page"
check "and the endpoint" grep -q '203.0.113.1:51820' "$T/page"
on gateway nft -f - <<'END'
table inet hole {
	chain in {
		type filter hook prerouting priority -400;
		iifname access drop
	}
}
END
spawn pings alice ping -n -i 0.1 10.66.77.1
sleep 1
quick "everything towards the gateway vanishes"
on alice ip link set eth0 down
quick "the network is down"
on alice ip link set eth0 up
on gateway nft delete table inet hole
gateway_stop
quick "the gateway is down"
despawn connect-alice
quick "the client is down"
finish
