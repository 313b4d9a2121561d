#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A client with the kernel's own WireGuard, where this kernel has it.
#
#   alice (kernel module) ==== WireGuard ==== gateway ---- internet
. "$(dirname "$0")/../net/lib.sh"
needs_culvert
three_hosts
on alice ip link add wg-probe type wireguard 2>/dev/null || skip "this kernel has no WireGuard module"
on alice ip link del wg-probe
serve internet
gateway_init
gateway_peer alice
gateway_start
client_up alice
check "wg-quick has used the kernel's" not grep -q 'slow userspace' "$T/alice/wg-quick.log"
check "a ping" wait_for 5 on alice ping -c 1 -W 1 198.51.100.2
check "a download of 100 MB is whole" same "$(download alice 100000000)" "$(sum_of 100000000)"
finish
