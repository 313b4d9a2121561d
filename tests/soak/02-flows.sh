#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# 500 new flows a second for three minutes, half of them TCP connections and half datagrams
# like DNS queries: more than there are ports, so each is used again and again.  None is
# refused, and the table is empty again as soon as the timers allow.
#
#   alice (250 a second) ==\\
#                              gateway ---- internet (TCP 7, UDP 53)
#   bob   (250 a second) ==//
. "$(dirname "$0")/../net/lib.sh"
needs_culvert
a_gateway_and_alice
and_bob
spawn echo internet /usr/bin/python3 "$HERE/flows.py" serve 198.51.100.2
wait_for 5 grep -q ready "$T/echo.log"

seconds=180
rss_before=$(gateway_rss_kib)
cpu=$(gateway_cpu_us)
for client in alice bob; do
	on $client /usr/bin/python3 "$HERE/flows.py" run 198.51.100.2 250 $seconds >"$T/$client.flows" &
	eval "${client}_runs=$!"
done
peak=0
for _ in $(seq $((seconds / 10))); do
	sleep 10
	now=$(mappings)
	[ "$now" -le "$peak" ] || peak=$now
done
# shellcheck disable=SC2154 # set by eval above
wait "$alice_runs" "$bob_runs"
echo "# at most $peak mappings; $(($(gateway_cpu_us) - cpu)) us of processor time;" \
	"$(($(gateway_rss_kib) - rss_before)) KiB more memory"
for client in alice bob; do
	echo "# $client: $(cat "$T/$client.flows")"
	check "$client has begun nearly all flows that it was to begin" \
		compare "$(awk '{ print $2 }' "$T/$client.flows")" '>' $((seconds * 240))
	check "and all of them were answered" \
		same "$(awk '{ print $4 }' "$T/$client.flows")" 0
done
for reason in NAT_QUOTA NAT_NO_PORT NAT_TABLE_FULL; do
	check "nothing was refused as $reason" same "$(drops $reason)" 0
done
check "there were never more mappings than flows of the last half minute" \
	compare "$peak" '<' 15000

few_mappings() {
	[ "$(mappings)" -lt 5 ]
}
# 15 seconds of a name server's mapping, 10 of a closed connection, and a grain of each.
ended=$(now_ms)
check "the table is empty again within 20 seconds" wait_for 20 few_mappings
echo "# after $(($(now_ms) - ended)) ms"
check "the log stays short" compare "$(wc -l <"$T/gateway.log")" '<' 30
finish
