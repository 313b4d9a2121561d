#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Pings stay quick while downloads and uploads take all the processor that there is.
#
#   alice (8 downloads, then 8 uploads, and pings) ==== gateway ---- internet (iperf3)
. "$(dirname "$0")/lib.sh"
a_gateway_and_alice
spawn iperf internet iperf3 -s
wait_for 5 grep -q listening "$T/iperf.log"
for direction in down up; do
	reverse=
	[ $direction = up ] || reverse=-R
	# shellcheck disable=SC2086 # no argument at all for up
	spawn load alice iperf3 -c 198.51.100.2 -t 5 -P 8 $reverse
	sleep 0.7
	on alice ping -i 0.01 -c 350 -W 2 198.51.100.2 >"$T/pings"
	wait "$(cat "$T/load.spawned")"
	p99=$(sed -n 's/.*time=\([0-9.]*\) ms/\1/p' "$T/pings" | sort -n |
		awk '{ t[NR] = $1 } END { print t[int(NR * 0.99)] }')
	echo "# ${direction}load: p99 $p99 ms; $(grep -c time= "$T/pings") of 350 answered;" \
		"$(grep -m 1 'SUM.*receiver' "$T/load.log")"
	check "at least 345 of 350 pings are answered during ${direction}loads" \
		compare "$(grep -c time= "$T/pings")" '>=' 345
	check "99 % of them in less than 60 ms" compare "$p99" '<' 60
done
finish
