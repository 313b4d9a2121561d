#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A client pings the internet and the gateway through the tunnel, and loses little time.
#
#   alice ==== WireGuard ==== gateway (10.66.77.1) ---- internet
#   10.66.77.2                198.51.100.1              198.51.100.2
. "$(dirname "$0")/lib.sh"

# median_us HOST ADDRESS - median round trip of 500 pings, in microseconds
median_us() {
	on "$1" ping -q -i 0.002 -c 500 -W 1 "$2" >"$T/ping.summary" || return 1
	on "$1" ping -i 0.002 -c 500 -W 1 "$2" | sed -n 's/.*time=\([0-9.]*\) ms/\1/p' |
		sort -n | awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)] * 1000 }'
}

a_gateway_and_alice

check "the first ping to the internet is answered" on alice ping -c 1 -W 2 198.51.100.2
check "100 of 100 pings to the internet are answered" \
	on alice ping -q -c 100 -i 0.005 -W 1 198.51.100.2
check "100 of 100 pings to 10.66.77.1 are answered" \
	on alice ping -q -c 100 -i 0.005 -W 1 10.66.77.1
check "a ping of 1392 bytes, the largest that fits, is answered" \
	on alice ping -c 1 -W 2 -M 'do' -s 1364 198.51.100.2
check "a ping in fragments is answered" on alice ping -c 1 -W 2 -M dont -s 4000 198.51.100.2

capture wan internet eth0 icmp
on alice ping -c 3 -i 0.1 198.51.100.2 >/dev/null
capture_end wan
check "the internet sees the gateway's address only" \
	compare "$(captured wan 'icmp[0] == 8 and not src host 198.51.100.1')" == 0
check "the internet saw the three pings" \
	compare "$(captured wan 'icmp[0] == 8 and src host 198.51.100.1')" == 3
check "a forwarded packet has lost one hop of its TTL" \
	compare "$(captured wan 'icmp[0] == 8 and ip[8] == 63')" == 3

access=$(median_us alice 203.0.113.1)
wan=$(median_us gateway 198.51.100.2)
tunnel=$(median_us alice 198.51.100.2)
echo "# medians: access $access us, wan $wan us, through the tunnel $tunnel us"
check "an idle tunnel adds less than a millisecond" compare "$tunnel - $access - $wan" '<' 1000
finish
