# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
#
# guardian.sh - what the tests of the guardian have in common; sourced after lib.sh

# etc_state HOST - what of /etc and /run a client could have changed
etc_state() {
	on "$1" sh -c 'ls -l /etc/resolv.conf* /etc/.resolv* 2>/dev/null; cat /etc/resolv.conf; ls /run/culvert'
}

guardian() {
	pgrep -f "^$DRIVER home" | while read -r pid; do
		[ "$(cat "/proc/$pid/comm")" != culvert-guard ] || echo "$pid"
	done
}

client_dies() {
	kill -9 "$(cat "$T/client.spawned")"
	wait "$(cat "$T/client.spawned")" 2>/dev/null
}

guardian_dies() {
	kill -9 "$(guardian)"
}

# leftovers - what nobody undid
leftovers() {
	on alice ip rule | grep -q 'proto 67' && on alice test -e /etc/resolv.conf.before-culvert
}

# complains SENTENCE [--without-rights] WORD... - the driver fails with that in its sentence
complains() {
	complains=$1
	shift
	rights=
	if [ "$1" = --without-rights ]; then
		rights='setpriv --bounding-set=-net_admin --inh-caps=-net_admin'
		shift
	fi
	# shellcheck disable=SC2086 # words
	! on alice $rights "$DRIVER" "$@" >"$T/complaint" || return 1
	cat "$T/complaint"
	[ "$(wc -l <"$T/complaint")" = 1 ] && grep -qF -e "$complains" "$T/complaint"
}

# endpoint_answers - an answer of the tunnel's far end passes a strict reverse path check
endpoint_answers() {
	on alice sysctl -q -w net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.eth0.rp_filter=1
	spawn echo gateway /usr/bin/python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("203.0.113.1", 51820))
while True:
    s.sendto(*s.recvfrom(2048))'
	sleep 0.2
	on alice /usr/bin/python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.3)
for _ in range(5):
    s.sendto(b"x", ("203.0.113.1", 51820))
    try:
        s.recv(9)
        break
    except TimeoutError:
        pass
else:
    raise SystemExit("no answer")'
	answered=$?
	despawn echo
	on alice sysctl -q -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0
	return $answered
}

# What a capture on the wire must not see: all but the tunnel's own packets, ARP, and IPv6's
# neighbour discovery and multicast listener reports, which the kernel sends for itself.
NOISE='not (udp and dst port 51820) and not (udp and src port 51820) and not arp and
	not (ip6 and ip6[6] == 58 and ip6[40] >= 133 and ip6[40] <= 136) and
	not (ip6 and ip6[6] == 0) and src host not 203.0.113.1'

# noise_maker HOST - the program, for noise
noise_maker() {
	cat >"$T/noise.py" <<-'END'
		import socket, sys
		def send(family, to, kind=socket.SOCK_DGRAM, device=None, options=()):
		    s = socket.socket(family, kind)
		    s.setblocking(False)
		    try:
		        if device:
		            s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
		        for option in options:
		            s.setsockopt(*option)
		        if kind == socket.SOCK_STREAM:
		            s.connect(to)
		        else:
		            s.sendto(b"noise", to)
		    except OSError:
		        pass
		    return s
		device = sys.argv[2].encode() if len(sys.argv) > 2 else None
		eth0 = socket.if_nametoindex("eth0")
		broadcast = ((socket.SOL_SOCKET, socket.SO_BROADCAST, 1),)
		connections = []
		for _ in range(int(sys.argv[1])):
		    for to in (("198.51.100.2", 9), ("198.51.100.53", 53), ("203.0.113.7", 9),
		               ("203.0.113.1", 9), ("224.0.0.251", 5353)):
		        send(socket.AF_INET, to, device=device)
		    for to in (("255.255.255.255", 9), ("203.0.113.255", 9)):
		        send(socket.AF_INET, to, device=device, options=broadcast)
		    for to in (("2001:db8:ffff::1", 9), ("2001:db8:a::1", 53)):
		        send(socket.AF_INET6, to, device=device)
		    send(socket.AF_INET6, ("ff02::fb", 5353, 0, eth0 if device else 0), device=device)
		    connections.append(send(socket.AF_INET, ("198.51.100.2", 80), socket.SOCK_STREAM, device))
		    connections.append(send(socket.AF_INET6, ("2001:db8:a::1", 80), socket.SOCK_STREAM, device))
	END
	[ -n "$1" ]
}

# noise HOST ROUNDS [DEVICE] - whatever a host says: UDP, DNS, TCP, multicast, broadcast, by both
# families; from sockets that are bound to DEVICE
noise() {
	noise_host=$1
	shift
	on "$noise_host" /usr/bin/python3 "$T/noise.py" "$@"
}
