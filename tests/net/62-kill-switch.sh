#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What leaves a host under --kill-switch in every phase of a client's life: nothing but the tunnel's
# own packets, until it is disconnected.  Driver and adapter as in 50-guardian.sh; bob is a
# container behind alice.
#
#   bob: eth0 10.9.0.2 --- cont 10.9.0.1 :alice: eth0 203.0.113.2 --- 203.0.113.1 access: gateway
# shellcheck disable=SC2086 # $PLAN is words
#
# Not disturbed by others.

. "$(dirname "$0")/lib.sh"
needs_culvert
DRIVER=${CULVERT%/*}/tests/guardian_driver
[ -x "$DRIVER" ] || skip "$DRIVER is not built"
three_hosts
. "$TOOLS/guardian.sh"
host bob
link alice cont bob eth0
address alice cont 10.9.0.1/24 2001:db8:9::1/64
address bob eth0 10.9.0.2/24 2001:db8:9::2/64
on bob ip route add default via 10.9.0.1
on bob ip -6 route add default via 2001:db8:9::1
on alice sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
own_etc alice
noise_maker alice
host_state alice >"$T/before"

PLAN='endpoint udp 203.0.113.1 51820 endpoint udp 2001:db8:a::1 51820 exclude 203.0.113.192/28
	dns 10.66.77.1 route-all kill-switch'
client_starts() {
	spawn client alice "$DRIVER" home $PLAN "$@"
	wait_for 5 client_ready 1
}
client_ready() {
	[ "$(grep -c ready "$T/client.log")" -ge "$1" ]
}
client_goes_on() { # N: until it is ready for the Nth time
	kill -USR1 "$(cat "$T/client.spawned")"
	wait_for 5 client_ready "$1"
}
stands() {
	on alice nft list table inet culvert_home
}
everybody_talks() {
	noise alice 3
	noise alice 3 eth0
	noise bob 3
}
# phase SENTENCE - all that was captured since the last one
phase() {
	everybody_talks
	capture_end wire
	check "$1: nothing leaves" same "$(captured wire)" 0
	capture wire gateway access "$NOISE"
}
received() { # FILTER COMMAND... - whether the gateway sees what the command sends
	received=$1
	shift
	capture received gateway access "$received"
	"$@"
	capture_end received
	compare "$(captured received)" '>' 0
}
send() { # FAMILY SOURCE-PORT ADDRESS PORT
	on alice /usr/bin/python3 -c '
import socket, sys
s = socket.socket(getattr(socket, sys.argv[1]), socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
s.bind(("", int(sys.argv[2])))
s.sendto(b"x", (sys.argv[3], int(sys.argv[4])))' "$@"
}

# --- phase by phase ------------------------------------------------------------------------
check "without it the wire is full of it" received "$NOISE" everybody_talks
capture wire gateway access "$NOISE"
check "the kill switch goes up before the adapter" client_starts new block wait adapter apply wait \
	no-endpoints endpoint udp 203.0.113.1 51821 endpoints wait
phase "before there is a tunnel"
check "the tunnel comes up under it" client_goes_on 2
phase "while there is a tunnel"
check "the tunnel's own packets leave" received 'udp dst port 51820' send AF_INET 0 203.0.113.1 51820
on alice ip -6 neigh flush all
check "by IPv6 as well, after finding the neighbour" received 'ip6 and udp dst port 51820' \
	send AF_INET6 0 2001:db8:a::1 51820
check "so do requests for an address" received 'udp dst port 67' send AF_INET 68 255.255.255.255 67
check "and for one of IPv6" received 'udp dst port 547' send AF_INET6 546 ff02::1:2 547
on gateway ip addr add 203.0.113.200/24 dev access
check "what is excluded is reached" on alice ping -c 1 -W 1 203.0.113.200
on gateway ip addr del 203.0.113.200/24 dev access
despawn wire
check "the endpoint moves" client_goes_on 3
check "its new place is let through" received 'udp dst port 51821' send AF_INET 0 203.0.113.1 51821
check_not "its old one isn't any more" received 'udp dst port 51820' send AF_INET 0 203.0.113.1 51820
check "a client that starts can read it" \
	same "$(on alice "$DRIVER" home blocked)" 'udp 203.0.113.1 51821'
capture wire gateway access "$NOISE"
client_dies
wait_for 3 not pgrep -f "^$DRIVER home"
phase "after kill -9 of the client"
check "routes, rules and resolv.conf are as before" not leftovers
check "a client starts anew under it" client_starts new block adapter apply wait
guardian_dies
phase "after kill -9 of the guardian"
client_dies
phase "and of the client as well"
check "a client starts anew over what is left" client_starts new block adapter apply wait
phase "while it runs"
despawn client
phase "after SIGTERM"
on alice mount -o remount,bind,ro /etc
check "a client whose start fails leaves it as it stood" complains 'Read-only file system' \
	home $PLAN new block adapter apply
mkdir "$T/slow"
cat >"$T/slow/nft" <<-'END'
	#!/bin/sh
	# Twice too slow to tell in time what stands, else as usual.
	case $* in *'list tables')
		if mkdir "$0.1" || mkdir "$0.2"; then sleep 2; fi 2>/dev/null
		;;
	esac
	exec /usr/sbin/nft "$@"
END
chmod +x "$T/slow/nft"
check_not "one that can't see what stands does not start" \
	on alice env PATH="$T/slow:$PATH" "$DRIVER" home $PLAN new block adapter apply
check "and lifts nothing" stands
on alice mount -o remount,bind,rw /etc
phase "after a start that failed"
check "so it still stands" stands
check "another tunnel is refused, and the sentence names the first" \
	complains 'the kill switch of home stands and blocks every other tunnel' other route-all new apply
check "culvert disconnect lifts it" same "$(on alice "$DRIVER" x disconnect home)" 1
check "and the host speaks again" received "$NOISE" everybody_talks
host_state alice >"$T/after"
check "as before" diff "$T/before" "$T/after"

# --- a start that never was ----------------------------------------------------------------
on alice mount -o remount,bind,ro /etc
check "a first start that fails" complains 'Read-only file system' home $PLAN new block adapter apply
on alice mount -o remount,bind,rw /etc
check_not "takes its kill switch along" stands
check "one that is given up" on alice "$DRIVER" home $PLAN new block unblock free
check_not "as well" stands
host_state alice >"$T/after"
check "and the host is as before" diff "$T/before" "$T/after"
finish
