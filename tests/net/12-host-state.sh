#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The host is left alone: firewall, routes, rules, sysctls and offloads are the same before,
# during (but for the adapter's one address) and after, however the gateway ends; and its
# kernel answers for none of the clients' connections.
#
#   alice ==== WireGuard ==== gateway ---- internet
#                             (compared)   (captures)
#
# Not disturbed by others.

. "$(dirname "$0")/lib.sh"
three_hosts
# The host has a firewall of its own, which must survive.
on gateway nft -f - <<'END'
table inet mine {
	chain in {
		type filter hook input priority 0; policy accept;
		tcp dport 9999 drop
	}
}
END
serve internet
spawn iperf internet iperf3 -s
gateway_init
gateway_peer alice
host_state gateway >"$T/before"
check "the comparison sees the firewall" grep -q 'tcp dport 9999 drop' "$T/before"
check "and the sysctls" grep -q 'net.ipv4.ip_forward = 0' "$T/before"
check "and the offloads" grep -q 'tcp-segmentation-offload' "$T/before"

capture answers internet eth0 "$KERNEL_ANSWERS"
gateway_start
client_up alice
wait_for 5 on alice ping -c 1 -W 1 10.66.77.1
traffic() {
	fetch alice http://198.51.100.2/bytes/50000000 20 >/dev/null &&
		on alice iperf3 -c 198.51.100.2 -u -b 20M -t 1 -R >/dev/null &&
		seq 100 | on alice xargs -P 8 -I{} curl -sS --max-time 5 -o /dev/null \
			http://198.51.100.2/ &&
		on alice ping -q -c 20 -i 0.01 198.51.100.2 >/dev/null
}
check "downloads, UDP, connections and pings work" traffic
host_state gateway >"$T/during"
host_state_without_adapter "$T/before" >"$T/before.without"
host_state_without_adapter "$T/during" >"$T/during.without"
check "while it runs the host is as it was, but for the adapter" \
	diff "$T/before.without" "$T/during.without"
gateway_stop TERM
host_state gateway >"$T/after"
check "after SIGTERM the host is exactly as it was" diff "$T/before" "$T/after"

gateway_start
wait_for 20 on alice ping -c 1 -W 1 198.51.100.2
check "traffic works again" traffic
# Connections are left open: their segments arrive while nobody is there to translate them.
on alice curl -sS --max-time 3 http://198.51.100.2/slow/100000000 >/dev/null 2>&1 &
sleep 1
capture_end answers
check "the host's kernel has answered nothing in the clients' place" \
	compare "$(captured answers)" == 0
gateway_stop KILL
host_state gateway >"$T/after"
check "after kill -9 the host is exactly as it was" diff "$T/before" "$T/after"
finish
