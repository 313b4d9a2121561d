#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# 50,000 packets a second on the external interface that are none of the gateway's cost it
# next to nothing: the kernel filters them.
#
#   alice ==== WireGuard ==== gateway <---- internet (a flood for the host's own services)
. "$(dirname "$0")/lib.sh"
needs_culvert
a_gateway_and_alice
serve internet
fetch alice http://198.51.100.2/ >/dev/null
# Somebody takes them, so that the host's kernel does not answer each one.
spawn sink gateway /usr/bin/python3 -c '
import socket, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("198.51.100.1", 999))
time.sleep(60)'
sink_listens() {
	on gateway ss -Hlun sport = :999 | grep -q 999
}
wait_for 5 sink_listens
spawn flood internet /usr/bin/python3 -c '
import socket, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect(("198.51.100.1", 999))
sent, began = 0, time.monotonic()
while time.monotonic() - began < 6:
    for _ in range(200):
        sock.send(b"unrelated")
    sent += 200
    time.sleep(max(0, began + sent / 50000 - time.monotonic()))
print(sent)'
sleep 1
cpu=$(gateway_cpu_us)
sleep 4
cpu=$(($(gateway_cpu_us) - cpu))
wait "$(cat "$T/flood.spawned")"
echo "# $(cat "$T/flood.log") packets; $cpu us of processor time in 4 s"
check "there was a flood" compare "$(cat "$T/flood.log")" '>' 150000
check "the gateway used less than 2 % of a processor" compare "$cpu" '<' 80000
check "and serves its client" fetch alice http://198.51.100.2/
finish
