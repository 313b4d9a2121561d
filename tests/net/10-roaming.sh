#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A client changes its address in the middle of a download, from Wi-Fi to mobile, say.
#
#   alice 203.0.113.2 -> 203.0.113.77 ==== gateway ---- internet
. "$(dirname "$0")/lib.sh"
a_gateway_and_alice
serve internet

want=$(sum_of 100000000)
on alice curl -sS --max-time 30 http://198.51.100.2/slow/100000000 | sha256sum |
	cut -d ' ' -f 1 >"$T/got" &
download=$!
sleep 1.5
# Adding first keeps the default route.
address alice eth0 203.0.113.77/24
on alice ip addr del 203.0.113.2/24 dev eth0
on alice ip addr replace 203.0.113.77/24 dev eth0
on alice ip route replace default via 203.0.113.1
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
