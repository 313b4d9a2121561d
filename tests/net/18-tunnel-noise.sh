#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Random datagrams at 10,000 a second to the tunnel's port: clients notice nothing, the
# log stays short and memory flat.
#
#   alice ==== WireGuard ====\\
#                              gateway ---- internet
#   bob (sends noise) -------//
#
# Not disturbed by others.

. "$(dirname "$0")/lib.sh"
a_gateway_and_alice
second_client
serve internet
rss_before=$(gateway_rss_kib)

spawn noise bob /usr/bin/python3 -c '
import os, random, socket, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect(("203.0.113.1", 51820))
sizes = {1: 148, 2: 92, 3: 64, 4: 128}
sent, began = 0, time.monotonic()
while time.monotonic() - began < 6:
    for _ in range(100):
        kind = random.choice((0, 1, 2, 3, 4, 4, 5, 255))
        body = os.urandom(random.choice((sizes.get(kind, 32), random.randrange(0, 1400))))
        try:
            sock.send(bytes([kind, 0, 0, 0]) + body[4:])
            sent += 1
        except OSError:
            pass
    time.sleep(max(0, began + sent / 10000 - time.monotonic()))
print(sent)
'
sleep 0.5
on alice ping -q -c 100 -i 0.03 -W 1 198.51.100.2 >"$T/pings"
check "at most one of a client's 100 pings is lost" grep -q -e ' 100 received' -e ' 99 received' "$T/pings"
check "new connections succeed" fetch alice http://198.51.100.2/
check "a download is whole" same "$(download alice 10000000 20)" "$(sum_of 10000000)"
wait "$(cat "$T/noise.spawned")"
echo "# $(cat "$T/noise.log") datagrams of noise"
check "there was noise" compare "$(cat "$T/noise.log")" '>' 20000
check "memory has not grown by more than 8 MB" \
	compare "$(gateway_rss_kib) - $rss_before" '<' 8192
check "the log stays short" compare "$(wc -l <"$T/gateway.log")" '<' 30
[ "$GATEWAY" != culvert ] ||
	check "the noise is counted" compare "$(status sum:drops)" '>' 20000

# A new client connects in the middle of a flood of well-formed initiations.
on alice sh -c "PATH=$T/bin:\$PATH wg-quick down $T/alice/wg0.conf" >/dev/null 2>&1
client_up alice
check "a client that reconnects afterwards is served" \
	wait_for 7 on alice ping -c 1 -W 1 198.51.100.2
finish
