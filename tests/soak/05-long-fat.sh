#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# TCP with cubic over 200 ms there and back and 0.1 % loss each way: a flow through the tunnel
# gets at least 85 % of what one gets without it, up and down.
#
#   alice ==== 100 ms, 0.1 % ==== gateway ---- internet
#              without the VPN: iperf3  by it: iperf3
#
# What one flow gets is luck: it loses a packet every few seconds and takes as long to recover.
# So 25 of each kind run beside each other for 90 s, the line has room for all, so that none is
# in another's way, and their means are compared: they are as good as one flow for 40 minutes.
. "$(dirname "$0")/../net/lib.sh"
three_hosts impaired_link
gateway_init || { failed "culvert init makes a configuration" && finish; }
gateway_peer alice
gateway_start
connect alice || { failed "the client connects" && finish; }
on alice ip route add 198.51.100.0/24 dev wg0
for each in "delay 100" "loss 0.1"; do
	impair alice-gateway "both $each"
done

# flows NAME ADDRESS PORT [-R] - starts them; their results are $T/NAME.json
flows() {
	flows_name=$1 flows_to=$2 flows_port=$3
	shift 3
	spawn "$flows_name" alice iperf3 -c "$flows_to" -p "$flows_port" -C cubic -w 4M -P 25 \
		-O 10 -t 90 --json --logfile "$T/$flows_name.json" "$@"
}

# mean NAME - Mbit/s of a flow
mean() {
	/usr/bin/python3 -c '
import json, statistics, sys
streams = json.load(open(sys.argv[1]))["end"]["streams"]
print(statistics.mean(s["receiver"]["bits_per_second"] for s in streams) / 1e6)' "$T/$1.json"
}

for host in gateway internet; do
	for port in 5201 5202; do
		spawn "iperf-$host-$port" $host iperf3 -s -p $port --forceflush
		wait_for 5 grep -q listening "$T/iperf-$host-$port.log"
	done
done
flows without-up 203.0.113.1 5201
without=$spawned
flows by-up 198.51.100.2 5201
wait "$without" "$spawned"
flows without-down 203.0.113.1 5202 -R
without=$spawned
flows by-down 198.51.100.2 5202 -R
wait "$without" "$spawned"
for way in up down; do
	without=$(mean without-$way) by=$(mean by-$way)
	echo "# $way: without the VPN $without Mbit/s, by it $by Mbit/s"
	check "$way: the line itself carries a flow" compare "$without" '>' 1
	check "$way: the tunnel keeps 85 % of it" compare "$by" '>=' "0.85 * $without"
done
check "the cable itself was never too slow" \
	compare "$(impair_count alice-gateway up overrun) + $(impair_count alice-gateway down overrun)" == 0
finish
