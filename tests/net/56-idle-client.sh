#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A client without traffic sleeps: nothing wakes it but what WireGuard has to say.
#
#   alice (culvert connect) ==== gateway
#
# Not disturbed by others.

. "$(dirname "$0")/lib.sh"
needs_culvert
a_gateway_and_connect
wakings() { # PID - how often it has run
	awk '/ctxt_switches/ { n += $2 } END { print n }' "/proc/$1/status"
}
# The last keepalive and the end of the rates are still to come, ten seconds after the last packet.
quiet() { # PID
	sleep 11
	before=$(wakings "$1")
	sleep 5
	echo $(($(wakings "$1") - before))
}
pid=$(cat "$T/connect-alice.spawned")
check "in five seconds of silence it is not woken" compare "$(quiet "$pid")" '<=' 1
despawn connect-alice
finish
