#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# One client opens flows as fast as it can.  The other client's new connections and the
# host's own all succeed, and the log stays short.
#
#   alice (floods) ==\\
#                       gateway (fetches pages itself) ---- internet
#   bob (works)    ==//
. "$(dirname "$0")/lib.sh"
needs_culvert
a_gateway_and_alice
and_bob
serve internet

# Every datagram and every SYN comes from another port, round and round.
spawn flood alice /usr/bin/python3 -c '
import errno, socket, time
stop = time.monotonic() + 8
port = 1024
while time.monotonic() < stop:
    port = port + 1 if port < 60000 else 1024
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as sock:
            sock.setblocking(False)
            try:
                sock.bind(("", port))
                sock.connect(("198.51.100.2", 9))
                sock.send(b"flood")
            except OSError:
                pass
'
# pages HOST COUNT - fetches that many, and prints how many came
pages() {
	seq "$2" | on "$1" xargs -P 4 -I{} curl -s -o /dev/null --max-time 3 \
		-w '%{http_code}\n' http://198.51.100.2/ | grep -c '^200$'
}
sleep 1
pages gateway 300 >"$T/host-pages" &
host_pages=$!
check "all of 300 connections of the other client succeed" compare "$(pages bob 300)" == 300
wait $host_pages
check "all of 300 connections of the host itself succeed" compare "$(cat "$T/host-pages")" == 300
check "the other client's pings are answered" on bob ping -q -c 20 -i 0.05 -W 1 198.51.100.2
check "status answers in the middle of it" status_json
wait "$(cat "$T/flood.spawned")"
check "the flood hit the client's limit, which is counted" \
	compare "$(drops NAT_QUOTA) + $(drops NAT_NO_PORT)" '>' 0
check "the log stays short" compare "$(wc -l <"$T/gateway.log")" '<' 30
finish
