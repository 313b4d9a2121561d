#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A client's address changes in the middle of a download, as when a telephone leaves the
# Wi-Fi or a router on the way forgets its mapping.  Packets are rewritten without state on
# their way out of the client, so that the client's own program has no part in it.
#
#   alice 203.0.113.2 -> 203.0.113.77 ==== gateway ---- internet
. "$(dirname "$0")/lib.sh"
a_gateway_and_alice
serve internet

want=$(sum_of 60000000)
on alice curl -sS --max-time 30 http://198.51.100.2/slow/60000000 | sha256sum |
	cut -d ' ' -f 1 >"$T/got" &
download=$!
sleep 1.5
address alice eth0 203.0.113.77/24
on alice nft -f - <<'END'
table ip moved {
	chain out {
		type filter hook postrouting priority 400;
		ip daddr 203.0.113.1 udp dport 51820 ip saddr set 203.0.113.77
	}
	chain in {
		type filter hook prerouting priority -400;
		ip saddr 203.0.113.1 udp sport 51820 ip daddr set 203.0.113.2
	}
}
END
moved=$(now_ms)
check "traffic is back within three seconds" wait_for 3 on alice ping -c 1 -W 1 198.51.100.2
echo "# after $(($(now_ms) - moved)) ms"
wait $download
check "the download is whole" same "$(cat "$T/got")" "$want"
if [ "$GATEWAY" = culvert ]; then
	check "status names the new address" \
		same "$(status peers.alice.endpoint | cut -d : -f 1)" 203.0.113.77
fi
finish
