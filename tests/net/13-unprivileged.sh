#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The gateway runs as nobody, with CAP_NET_RAW and nothing else, and without /dev/net/tun:
# what a default container gives.
#
#   alice ==== WireGuard ==== gateway (uid 65534) ---- internet
. "$(dirname "$0")/lib.sh"
needs_culvert
needs_real_root "a user namespace here maps one user only"
three_hosts
serve internet
resolver internet
on gateway mount -t tmpfs tmpfs /dev/net
cp "$CULVERT" "$T/culvert"
chmod 755 "$T/culvert"
CULVERT=$T/culvert
gateway_init
gateway_peer alice
chown -R 65534:65534 "$T/gateway"
capture answers internet eth0 "$KERNEL_ANSWERS"
gateway_start setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps -all,+net_raw \
	--ambient-caps -all,+net_raw --bounding-set -all,+net_raw
check "it is user 65534" same "$(awk '/^Uid/ { print $2 }' "/proc/$gateway_pid/status")" 65534
# CAP_NET_RAW is bit 13.
check "with CAP_NET_RAW alone" \
	same "$(awk '/^CapBnd/ { print $2 }' "/proc/$gateway_pid/status")" 0000000000002000
client_up alice
check "10.66.77.1 answers pings" wait_for 5 on alice ping -c 1 -W 1 10.66.77.1
check "names are resolved at 10.66.77.1" \
	same "$(on alice dig +time=2 +tries=2 +short @10.66.77.1 www.example.com)" 198.51.100.2
check "pings" on alice ping -q -c 20 -i 0.02 -W 1 198.51.100.2
check "a download of 50 MB" same "$(download alice 50000000)" "$(sum_of 50000000)"
seq 100 | on alice xargs -P 8 -I{} curl -sS --max-time 5 http://198.51.100.2/ >"$T/pages"
check "100 connections" compare "$(grep -c 198.51.100.1 "$T/pages")" == 100
capture_end answers
check "the host's kernel has answered nothing in the client's place" \
	compare "$(captured answers)" == 0
check "status says on which rung of capabilities it runs" \
	compare "$(status rung | wc -c)" '>' 3
gateway_stop
check "it stops within a second" compare "$stop_ms" '<' 1000
finish
