#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Whoever can read a client's datagrams, but has no key, can neither take its session over
# nor disturb it: replays and forgeries from elsewhere are rejected and counted, and
# the gateway goes on sending to the client.
#
#   alice 203.0.113.2 ==== WireGuard ==== gateway ---- internet
#   bob   192.0.2.2 (replays what alice sent) -/
. "$(dirname "$0")/lib.sh"
needs_culvert
three_hosts
second_client
gateway_init
gateway_peer alice
gateway_start
capture sent alice eth0 'udp and dst host 203.0.113.1 and dst port 51820'
client_up alice
wait_for 5 on alice ping -c 1 -W 1 10.66.77.1
on alice ping -q -c 50 -i 0.01 198.51.100.2 >/dev/null
capture_end sent
/usr/bin/python3 "$TOOLS/watch.py" show "$T/sent.pcap" udp >"$T/sent.hex"
check "a handshake and data were captured" \
	sh -c 'grep -q "^.\{56\}01000000" "$1" && grep -q "^.\{56\}04000000" "$1"' sh "$T/sent.hex"
endpoint=$(status peers.alice.endpoint)

spawn ping alice ping -q -i 0.02 -c 150 -W 1 198.51.100.2
python bob "$T/sent.hex" <<'END'
import os, socket, sys, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect(("203.0.113.1", 51820))
datagrams = [bytes.fromhex(line)[28:] for line in open(sys.argv[1])]
data = [d for d in datagrams if d[0] == 4]


def send(datagram):
    sock.send(datagram)
    time.sleep(0.0005)


for datagram in datagrams * 5:        # replays, handshakes among them
    send(datagram)
for datagram in data[:20]:            # forgeries with the session's own index
    send(datagram[:8] + (1 << 40).to_bytes(8, "little") + os.urandom(len(datagram) - 16))
    send(datagram[:8] + datagram[8:16] + datagram[16:-1] + bytes([datagram[-1] ^ 1]))
    send(datagram[:24])
    send(datagram[:31])
for datagram in datagrams:            # handshakes with one bit changed
    if datagram[0] == 1:
        for position in range(4, 148, 8):
            send(datagram[:position] + bytes([datagram[position] ^ 1]) + datagram[position + 1:])
END
wait "$(cat "$T/ping.spawned")"
check "the client's pings all came back meanwhile" grep -q ' 150 received' "$T/ping.log"
check "the gateway still sends to the client's own address" \
	same "$(status peers.alice.endpoint)" "$endpoint"
check "replays are counted" compare "$(drops WG_REPLAY)" '>' 20
check "forgeries are counted" compare "$(drops WG_DECRYPT)" '>=' 20
check "changed handshakes are counted" compare "$(drops WG_MAC) + $(drops WG_HANDSHAKE)" '>' 10
check "the log stays short" compare "$(wc -l <"$T/gateway.log")" '<' 30
finish
