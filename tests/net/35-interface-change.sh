#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The external interface vanishes and comes back, as ppp does, and the default route moves to
# another interface and back: the gateway follows by itself.
#
#   alice ==== WireGuard ==== gateway ---- wan --- internet (198.51.100.2)
#                                     ---- lte --- internet (192.0.2.2)
. "$(dirname "$0")/lib.sh"
needs_culvert
three_hosts
gateway_init || { failed "culvert init makes a configuration" && finish; }
sed -i '/^Interface = wan/d' "$CONFIG" # by the default route
gateway_peer alice
link gateway lte internet eth1
address gateway lte 192.0.2.1/24
address internet eth1 192.0.2.2/24
gateway_start
client_up alice
answered() {
	on alice ping -c 1 -W 1 198.51.100.2
}
check "by the first interface" wait_for 3 answered

on gateway ip route replace default via 192.0.2.2 dev lte
check "the default route moves: a server there is reached within three seconds" \
	wait_for 3 on alice ping -c 1 -W 1 192.0.2.2
capture lte internet eth1 icmp
on alice ping -q -c 3 -i 0.1 192.0.2.2 >/dev/null
capture_end lte
check "it is reached by the other interface, with its address" \
	compare "$(captured lte 'icmp[0] == 8 and src host 192.0.2.1')" '>=' 3
on gateway ip route replace default via 198.51.100.2 dev wan
check "and back within three seconds" wait_for 3 answered

on gateway ip link delete wan
sleep 1
check_not "without an interface nothing is answered" answered
link gateway wan internet eth0
address gateway wan 198.51.100.1/24
address internet eth0 198.51.100.2/24
on gateway ip route replace default via 198.51.100.2
check "a new interface of the same name serves within three seconds" wait_for 3 answered
check "the log stays short" compare "$(wc -l <"$T/gateway.log")" '<' 30
check "SIGTERM ends it" gateway_stop
finish
