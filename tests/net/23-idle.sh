#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# An idle gateway sleeps: hardly any processor time and few wake-ups, without a client and
# with one.
#
#   alice (idle) ==== WireGuard ==== gateway ---- internet
#
# Not disturbed by others.

. "$(dirname "$0")/lib.sh"
needs_culvert
three_hosts
gateway_init
gateway_peer alice
gateway_start

wake_ups() {
	awk '/^voluntary_ctxt/ { n += $2 } END { print n }' "/proc/$gateway_pid/task/"*/status
}
idle() {
	sleep 1
	cpu=$(gateway_cpu_us) wakes=$(wake_ups)
	sleep 8
	cpu=$(($(gateway_cpu_us) - cpu)) wakes=$(($(wake_ups) - wakes))
	echo "# $1: $cpu us of processor time and $wakes wake-ups in 8 s"
	check "$1: less than 0.1 % of a processor" compare "$cpu" '<' 8000
	check "$1: fewer than 20 wake-ups a second" compare "$wakes" '<' 160
}
idle "without a client"
client_up alice
wait_for 5 on alice ping -c 1 -W 1 10.66.77.1
idle "with an idle client"
rss=$(gateway_rss_kib)
echo "# resident: $rss KiB"
gateway_stop
check "it stops within a second" compare "$stop_ms" '<' 1000
finish
