#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A gateway with two addresses that answers from the other one; or somebody in between who has it look
# so.  With --route-all the client goes on sending to the one that its file names: what went to
# another address would be routed into the tunnel.
#
#   alice ==== 203.0.113.1 gateway, answers from 203.0.113.9
. "$(dirname "$0")/lib.sh"
needs_culvert
a_gateway_and_connect --route-all
address gateway access 203.0.113.9/24
on gateway nft -f - <<-END
	table ip other {
		chain output {
			type filter hook output priority 0
			udp sport 51820 ip saddr set 203.0.113.9
		}
	}
END
check "all is answered" on alice ping -q -c 10 -i 0.05 -W 1 10.66.77.1
check "by way of the address in the file" same "$(client_status alice peers.0.endpoint)" 203.0.113.1:51820
check "nothing ran in a circle" same "$(client_status alice drops.WG_LOOP)" 0
finish
