#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A stock client makes new session keys after 120 seconds.  A download and an upload that
# run across that moment never pause for a second, and both arrive whole.
#
#   alice (down and up, 150 s) ==== WireGuard ==== gateway ---- internet
. "$(dirname "$0")/../net/lib.sh"
a_gateway_and_alice
serve internet

rate=2000000
seconds=150
handshake() {
	on alice wg show wg0 latest-handshakes | cut -f 2
}
first=$(handshake)
on alice ping -q -i 0.2 -c $((seconds * 5)) -W 2 198.51.100.2 >"$T/pings" &
pings=$!
on alice /usr/bin/python3 "$HERE/stream.py" 198.51.100.2 $rate $seconds >"$T/streams"
wait $pings
sed 's/^/# /' "$T/streams"
echo "# $(grep received "$T/pings"); $(grep rtt "$T/pings")"

check "the client has made new keys meanwhile" compare "$(handshake)" '>' "$first"
for way in down up; do
	check "the ${way}load is whole" same "$(awk -v way=$way '$1 == way { print $2 }' "$T/streams")" \
		"$(sum_of $((rate * seconds)))"
	check "and never paused for a second" \
		compare "$(awk -v way=$way '$1 == way { print $3 }' "$T/streams")" '<' 1000
done
check "at most two of $((seconds * 5)) pings are lost" \
	compare "$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$T/pings")" '>=' $((seconds * 5 - 2))
finish
