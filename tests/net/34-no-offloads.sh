#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Interfaces without a single offload: slower, and just as right.
#
#   alice ==== WireGuard ==== gateway ---- internet        TSO, GSO, GRO and checksums off
. "$(dirname "$0")/lib.sh"
a_gateway_and_alice
serve internet
want=$(sum_of 20000000)
off() {
	on "$1" ethtool -K "$2" tx off rx off tso off gso off gro off >/dev/null 2>&1
}
off gateway wan && off gateway access && off internet eth0 && off alice eth0
check "the offloads are off" \
	on gateway sh -c '! ethtool -k wan | grep -E "^(tx-check|rx-check|generic-|tcp-seg).*: on"'
check "a download is whole" same "$(download alice 20000000 20)" "$want"
on internet curl -sS http://198.51.100.2/bytes/20000000 >"$T/upload"
want="20000000 $(sha256sum <"$T/upload" | cut -d ' ' -f 1)"
got=$(on alice curl -sS --max-time 20 -T - -X POST -H 'Expect:' -H 'Transfer-Encoding:' \
	-H 'Content-Length: 20000000' http://198.51.100.2/ <"$T/upload")
check "an upload arrives as it was sent" same "$got" "$want"
check "a ping of 4000 bytes, in fragments, is answered" \
	on alice ping -c 1 -W 2 -M dont -s 4000 198.51.100.2
check "a web page arrives" fetch alice http://198.51.100.2/
check "nothing was dropped for a wrong checksum" \
	compare "$(drops L4_CHECKSUM) + $(drops IP_CHECKSUM)" == 0
finish
