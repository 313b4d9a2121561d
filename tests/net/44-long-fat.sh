#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A long fat line with a little loss: 200 ms there and back, 100 Mbit/s, 0.1 % lost each way.
# One TCP flow through the tunnel gets at least 85 % of what one gets without it, up and
# down at the same time.
#
#   alice ==== 100 ms, 100 Mbit/s, 0.1 % ==== gateway ---- internet
#              without the VPN: iperf3          by it: iperf3
#
# BBR, whose rate hardly depends on which packets the dice hit: one run tells.  What cubic
# makes of it is tests/soak/05-long-fat.sh, which needs many.
. "$(dirname "$0")/lib.sh"
three_hosts impaired_link
on alice sysctl -n net.ipv4.tcp_available_congestion_control | grep -q bbr ||
	skip "this kernel has no BBR"
gateway_init || { failed "culvert init makes a configuration" && finish; }
gateway_peer alice
gateway_start
connect alice || { failed "the client connects" && finish; }
on alice ip route add 198.51.100.0/24 dev wg0
for each in "delay 100" "rate 100" "queue 100" "loss 0.1"; do
	impair alice-gateway "both $each"
done

# flow NAME ADDRESS PORT [-R] - starts it; its result is $T/NAME.json
flow() {
	flow_name=$1 flow_to=$2 flow_port=$3
	shift 3
	spawn "$flow_name" alice iperf3 -c "$flow_to" -p "$flow_port" -C bbr -w 8M -O 4 -t 8 \
		--json --logfile "$T/$flow_name.json" "$@"
}

mbit() {
	/usr/bin/python3 -c '
import json, sys
print(json.load(open(sys.argv[1]))["end"]["sum_received"]["bits_per_second"] / 1e6)' "$T/$1.json"
}

for host in gateway internet; do
	for port in 5201 5202; do
		spawn "iperf-$host-$port" $host iperf3 -s -p $port --forceflush
		wait_for 5 grep -q listening "$T/iperf-$host-$port.log"
	done
done
# both WHAT ADDRESS
both() {
	flow "$1-up" "$2" 5201
	up=$spawned
	flow "$1-down" "$2" 5202 -R
	wait "$up" "$spawned"
}
both without 203.0.113.1
both by 198.51.100.2
for way in up down; do
	without=$(mbit without-$way) by=$(mbit by-$way)
	echo "# $way: without the VPN $without Mbit/s, by it $by Mbit/s"
	check "$way: the line itself carries a flow well" compare "$without" '>' 60
	check "$way: the tunnel keeps 85 % of it" compare "$by" '>=' "0.85 * $without"
done
finish
