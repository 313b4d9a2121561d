#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# TCP through the tunnel in both directions: a gigabyte arrives as it was sent with the
# interface's offloads left on, and many small connections all succeed.
#
#   alice ==== WireGuard ==== gateway ---- internet
#                                          HTTP: /bytes/N, POST
. "$(dirname "$0")/lib.sh"
a_gateway_and_alice
serve internet

check "the web server sees the gateway's address" \
	same "$(fetch alice http://198.51.100.2/ | cut -d ' ' -f 1)" 198.51.100.1

want=$(sum_of 1000000000)
began=$(now_ms)
got=$(download alice 1000000000 90)
took=$(($(now_ms) - began))
check "a download of 1 GB arrives as it was sent" same "$got" "$want"
echo "# 1 GB in $took ms"
on gateway ethtool -k wan >"$T/offloads"
check "segmentation offload of the interface is still on" \
	grep -q '^tcp-segmentation-offload: on' "$T/offloads"
[ "$GATEWAY" != culvert ] ||
	check "no packet was too big on the way" compare "$(drops TOO_BIG)" == 0

on internet curl -sS "http://198.51.100.2/bytes/200000000" >"$T/upload"
want="200000000 $(sha256sum <"$T/upload" | cut -d ' ' -f 1)"
got=$(on alice curl -sS --max-time 60 -T - -X POST -H 'Expect:' -H 'Transfer-Encoding:' \
	-H 'Content-Length: 200000000' http://198.51.100.2/ <"$T/upload")
check "an upload of 200 MB arrives as it was sent" same "$got" "$want"

# fetch_many CONNECTIONS AT_ONCE - how many of them succeed
fetch_many() {
	seq "$1" | on alice xargs -P "$2" -I{} curl -s -o /dev/null --max-time 5 \
		-w '%{http_code}\n' http://198.51.100.2/ | grep -c '^200$'
}
check "400 short connections, 16 at once, all succeed" compare "$(fetch_many 400 16)" == 400
check_not "a closed port is refused, not left hanging" fetch alice http://198.51.100.2:81/ 2
began=$(now_ms)
fetch alice http://198.51.100.2:81/ 5 2>/dev/null
check "the refusal takes less than half a second" compare "$(now_ms) - $began" '<' 500
finish
