#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The gateway stops within a second, and after a restart a stock client's traffic flows
# again within two, though nobody touches the client: after SIGTERM and after kill -9.
#
#   alice ==== WireGuard ==== gateway ---- internet
. "$(dirname "$0")/lib.sh"
needs_culvert
a_gateway_and_alice
serve internet

# back_after_ms - until a ping is answered again; a ping every 50 ms as an application might
back_after_ms() {
	began=$(now_ms)
	wait_for 20 on alice ping -c 1 -W 0.05 198.51.100.2 || { echo never && return; }
	echo $(($(now_ms) - began))
}
for signal in TERM KILL; do
	gateway_stop $signal
	check "SIG$signal ends it within a second" compare "$stop_ms" '<' 1000
	check_not "meanwhile nothing of the client leaks" on alice ping -c 1 -W 1 198.51.100.2
	began=$(now_ms)
	gateway_start
	check "it is ready within a second" compare "$(now_ms) - $began" '<' 1000
	back=$(back_after_ms)
	echo "# back after $back ms"
	check "after SIG$signal and a restart traffic is back within two seconds" \
		compare "$back" '<' 2000
	check "new connections work" fetch alice http://198.51.100.2/
done
gateway_stop
check "SIGTERM is a success" same "$gateway_status" 0
check "the log stays short" compare "$(wc -l <"$T/gateway.log")" '<' 40
finish
