#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The client's host has several default routes and another VPN: the tunnel's own packets take the way
# that the host would choose, and all else takes the tunnel.
#
#   alice eth0 203.0.113.2 ---- 203.0.113.1 gateway ---- internet      default, metric 100
#         wlan 192.0.2.2   ---- 192.0.2.1                              default, metric 600
#         vpn9 10.9.9.1    (another VPN's adapter)                     10.9.0.0/16, default, metric 700
. "$(dirname "$0")/lib.sh"
needs_culvert
three_hosts
link alice wlan gateway access2
address alice wlan 192.0.2.2/24
address gateway access2 192.0.2.1/24
on alice ip route replace default via 203.0.113.1 metric 100
on alice ip route del default via 203.0.113.1 metric 0 2>/dev/null
on alice ip route add default via 192.0.2.1 metric 600
on alice ip link add vpn9 type veth peer name far9
address alice vpn9 10.9.9.1/16
on alice ip link set vpn9 up
on alice ip link set far9 up
on alice ip route add default dev vpn9 metric 700
gateway_init || { failed "culvert init makes a configuration" && finish; }
gateway_peer alice
# An address of it that is on neither link, so that the way there is the host's choice.
sed -i 's/^Endpoint = .*/Endpoint = 198.51.100.1:51820/' "$T/alice.conf"
gateway_start
serve internet

for option in "" --route-all; do
	# shellcheck disable=SC2086 # no argument at all
	connect alice $option
	name=${option:-connect}
	check "$name: the tunnel comes up" wait_for 5 on alice ping -c 1 -W 1 10.66.77.1
	check "$name: by the default route of the lowest metric" \
		same "$(status peers.alice.endpoint | cut -d : -f 1)" 203.0.113.2
	[ -n "$option" ] || {
		check "connect: other traffic goes where it went" eval \
			'on alice ip route get 198.51.100.2 | grep -q "via 203.0.113.1 dev eth0"'
		despawn connect-alice
	}
done
check "--route-all: the web is reached by the tunnel" \
	same "$(fetch alice http://198.51.100.2/ | cut -d ' ' -f 1)" 198.51.100.1
check "--route-all: neither another default route nor another VPN's is used" eval \
	'on alice ip route get 198.51.100.2 | grep -q "dev wg0"'
on alice ip route del default via 203.0.113.1 metric 100
check "the best default route vanishes: the next one carries the tunnel within three seconds" \
	wait_for 3 on alice ping -c 1 -W 1 198.51.100.2
despawn connect-alice
finish
