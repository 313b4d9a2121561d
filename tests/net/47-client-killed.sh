#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# However our own client ends, kill -9 included, it leaves no route, rule, DNS setting, firewall rule
# or adapter, and the next one starts.
#
#   alice ==== WireGuard ==== gateway
. "$(dirname "$0")/lib.sh"
needs_culvert
three_hosts
gateway_init || { failed "culvert init makes a configuration" && finish; }
gateway_peer alice
gateway_start
own_etc alice

whole_state() {
	host_state alice
	on alice cat /etc/resolv.conf
	on alice ls /etc | grep resolv
}
whole_state >"$T/before"
restored() {
	whole_state >"$T/after"
	diff "$T/before" "$T/after"
}
for option in "" --route-all; do
	for signal in TERM INT KILL; do
		# shellcheck disable=SC2086 # no argument at all
		connect alice $option
		check "${option:-connect}, SIG$signal: traffic passes before" \
			wait_for 5 on alice ping -c 1 -W 1 10.66.77.1
		[ -z "$option" ] || check "the name server is the tunnel's" \
			on alice grep -q '^nameserver 10.66.77.1' /etc/resolv.conf
		kill -$signal "$(cat "$T/connect-alice.spawned")"
		wait "$(cat "$T/connect-alice.spawned")"
		check "afterwards the host is as it was" wait_for 2 restored ||
			diff "$T/before" "$T/after" | head -n 20 | sed 's/^/# /'
	done
done
finish
