#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A gateway with a connected client that says nothing uses less than a thousandth of a
# processor over minutes, and its memory stays where it is.
#
#   alice (idle) ==== WireGuard ==== gateway ---- internet
. "$(dirname "$0")/../net/lib.sh"
needs_culvert
a_gateway_and_alice

# Mappings of the first packets end within the first two minutes.
seconds=180
sleep 2
cpu=$(gateway_cpu_us)
rss=$(gateway_rss_kib)
sleep $seconds
cpu=$(($(gateway_cpu_us) - cpu))
rss=$(($(gateway_rss_kib) - rss))
echo "# $cpu us of processor time and $rss KiB more memory in $seconds s"
check "less than 0.1 % of a processor" compare "$cpu" '<' $((seconds * 1000))
check "memory grows by less than 100 KiB" compare "$rss" '<' 100
check "the client is served afterwards" wait_for 6 on alice ping -c 1 -W 1 10.66.77.1
finish
