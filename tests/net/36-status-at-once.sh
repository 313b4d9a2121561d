#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Status answers within 100 ms: at rest, under load, with the resolver dead, with the external
# interface down, and with no gateway at all.  The median of nine is what counts.
#
#   alice (8 downloads) ==== gateway ---- internet (iperf3, a resolver that is not there)
. "$(dirname "$0")/lib.sh"
needs_culvert
a_gateway_and_alice
spawn iperf internet iperf3 -s
wait_for 5 grep -q listening "$T/iperf.log"

median_ms() {
	for _ in 1 2 3 4 5 6 7 8 9; do
		began=$(now_ms)
		status_json >/dev/null
		echo $(($(now_ms) - began))
	done | sort -n | sed -n 5p
}
at_once() {
	took=$(median_ms)
	echo "# $1: $took ms"
	check "$1 within 100 ms" compare "$took" '<' 100
}
at_once "at rest"
spawn load alice iperf3 -c 198.51.100.2 -t 6 -P 8 -R
sleep 1
at_once "under load"
wait "$(cat "$T/load.spawned")"
on alice sh -c 'dig +time=1 +tries=1 @10.66.77.1 a.example.com & dig +time=1 +tries=1 @10.66.77.1 b.example.com' >/dev/null
at_once "with a dead resolver"
on gateway ip link set wan down
at_once "without the external interface"
gateway_stop
at_once "without a gateway"
check_not "and then it fails" status_json
finish
