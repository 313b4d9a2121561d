#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# One client's pings stay quick while another's downloads and uploads take all the
# processor that there is.  (The loaded client's own pings also wait, or are lost, in
# its socket's buffer, which says nothing of the gateway: they are shown, not judged.)
#
#   alice (8 downloads, then 8 uploads) ==\\
#                                           gateway ---- internet (iperf3)
#   bob   (pings)                       ==//
. "$(dirname "$0")/lib.sh"
a_gateway_and_alice
and_bob
spawn iperf internet iperf3 -s
wait_for 5 grep -q listening "$T/iperf.log"
for direction in down up; do
	reverse=
	[ $direction = up ] || reverse=-R
	# shellcheck disable=SC2086 # no argument at all for up
	spawn load alice iperf3 -c 198.51.100.2 -t 5 -P 8 $reverse
	sleep 0.7
	spawn own alice ping -q -i 0.01 -c 350 -W 2 198.51.100.2
	on bob ping -i 0.01 -c 350 -W 2 198.51.100.2 >"$T/pings"
	wait "$(cat "$T/own.spawned")"
	wait "$(cat "$T/load.spawned")"
	p99=$(sed -n 's/.*time=\([0-9.]*\) ms/\1/p' "$T/pings" | sort -n |
		awk '{ t[NR] = $1 } END { print t[int(NR * 0.99)] }')
	echo "# ${direction}load: p99 $p99 ms; $(grep -c time= "$T/pings") of 350 answered;" \
		"$(grep -m 1 'SUM.*receiver' "$T/load.log")"
	sed -n 's/^\(.*packet loss.*\|rtt.*\)/# the loaded client: \1/p' "$T/own.log"
	check "at least 345 of 350 pings are answered during ${direction}loads" \
		compare "$(grep -c time= "$T/pings")" '>=' 345
	check "99 % of them in less than 60 ms" compare "$p99" '<' 60
done
finish
