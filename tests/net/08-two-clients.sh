#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Two clients never get each other's packets, even with the same port or ICMP identifier,
# reach each other although the host doesn't forward, and don't where policy isolates them.
#
#   alice 10.66.77.2 ==\\
#                         gateway (ip_forward=0) ---- internet
#   bob   10.66.77.3 ==//
. "$(dirname "$0")/lib.sh"
a_gateway_and_alice
and_bob
serve internet

# Each client sends its own words 200 times from the same port to the same server.
talk='
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("", 40001))
sock.settimeout(0.5)
sock.connect(("198.51.100.2", 7))
own = 0
for i in range(200):
    word = f"{sys.argv[1]} {i}".encode()
    for attempt in range(3):
        sock.send(word)
        try:
            own += sock.recv(100) == word
            break
        except TimeoutError:
            pass
print(own)
'
for client in alice bob; do
	on $client /usr/bin/python3 -c "$talk" $client >"$T/$client.udp" &
	eval "${client}_talks=$!"
done
# shellcheck disable=SC2154 # set by eval above
wait "$alice_talks" "$bob_talks"
check "the first of two clients on one port gets its own 200 answers" same "$(cat "$T/alice.udp")" 200
check "and so does the second" same "$(cat "$T/bob.udp")" 200

for client in alice bob; do
	on $client curl -sS --local-port 40002 --max-time 20 http://198.51.100.2/slow/5000000 |
		sha256sum | cut -d ' ' -f 1 >"$T/$client.tcp" &
	eval "${client}_talks=$!"
done
wait "$alice_talks" "$bob_talks"
want=$(sum_of 5000000)
check "TCP from one port at once: the first client's download is whole" \
	same "$(cat "$T/alice.tcp")" "$want"
check "and the second's" same "$(cat "$T/bob.tcp")" "$want"

# iputils' ping takes its identifier with -e.
for client in alice bob; do
	on $client ping -q -e 4242 -i 0.01 -c 100 -W 1 198.51.100.2 >"$T/$client.ping" &
	eval "${client}_talks=$!"
done
wait "$alice_talks" "$bob_talks"
check "pings with one identifier: all of the first client's are answered" \
	grep -q ' 100 received' "$T/alice.ping"
check "and all of the second's" grep -q ' 100 received' "$T/bob.ping"
check_not "and none twice" grep -q duplicates "$T/alice.ping" "$T/bob.ping"

[ "$GATEWAY" != culvert ] ||
	check "the host does not forward" \
		same "$(on gateway sysctl -n net.ipv4.ip_forward)" 0
serve bob
check "a client pings the other" on alice ping -q -c 5 -i 0.05 -W 1 10.66.77.3
check "a client downloads from the other" \
	same "$(on alice curl -sS --max-time 20 http://10.66.77.3/bytes/20000000 | sha256sum |
		cut -d ' ' -f 1)" "$(sum_of 20000000)"
check "who sees its address in the tunnel" \
	same "$(fetch alice http://10.66.77.3/ | cut -d ' ' -f 1)" 10.66.77.2
[ "$GATEWAY" = culvert ] || finish

config_set Policy IsolateClients yes
gateway_reload
check "isolated, they don't reach each other" \
	wait_for 3 not on alice ping -c 1 -W 1 10.66.77.3
check "that is counted" compare "$(drops ROUTE_ISOLATED)" '>' 0
check "and both still reach the internet" fetch alice http://198.51.100.2/
fetch bob http://198.51.100.2/ >/dev/null || failed "both still reach the internet"

# An address is given to another client: what was opened from it before is not.
python alice <<'END' >"$T/mapped"
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(5)
sock.sendto(b"?", ("198.51.100.2", 7001))
print(sock.recv(100).decode().split()[1])
END
key=$(on gateway wg show culvert0 allowed-ips | awk '/10\.66\.77\.3\/32/ { print $1 }')
on gateway wg set culvert0 peer "$key" allowed-ips 10.66.77.3/32,10.66.77.2/32
capture moved bob wg0 'udp and dst host 10.66.77.2'
python internet "$(cat "$T/mapped")" <<'END'
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.sendto(b"for alice alone", ("198.51.100.1", int(sys.argv[1])))
END
capture_end moved
check "an address that moves takes no open ports with it" compare "$(captured moved)" == 0
finish
