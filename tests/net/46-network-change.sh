#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The client's network changes under it: another address, another gateway, another interface, an
# interface that is pulled and plugged, and all that while it stands still, as a laptop does
# that sleeps.  Traffic is back within three seconds each time.
#
#   alice eth0 203.0.113.2 ---- 203.0.113.1 gateway ---- internet
#         wlan 192.0.2.2   ---- 192.0.2.1
#
# A real sleep can't be had here.  Stopping the process is like one for what it has missed: timers that
# have run out, a network that is another one.  That the clock of CLOCK_BOOTTIME has jumped
# meanwhile is for a unit test.
#
# Not disturbed by others.

. "$(dirname "$0")/lib.sh"
needs_culvert
three_hosts
link alice wlan gateway access2
address alice wlan 192.0.2.2/24
address gateway access2 192.0.2.1/24
on alice ip route add default via 192.0.2.1 metric 600
gateway_init || { failed "culvert init makes a configuration" && finish; }
gateway_peer alice
# An address of it that is on neither link, so that the way there is the host's choice.
sed -i 's/^Endpoint = .*/Endpoint = 198.51.100.1:51820/' "$T/alice.conf"
gateway_start
serve internet
connect alice --route-all
pong() {
	on alice ping -c 1 -W 0.3 198.51.100.2
}
check "traffic passes" wait_for 5 pong

# What a change of networks must not end.
on alice curl -sS --max-time 60 http://198.51.100.2/slow/150000000 | sha256sum |
	cut -d ' ' -f 1 >"$T/got" &
download=$!
spawn pings alice ping -n -D -i 0.1 -W 1 198.51.100.2

# back WHAT - measured from now
back() {
	began=$(now_ms)
	check "$1: traffic is back within three seconds" wait_for 3 pong
	echo "# after $(($(now_ms) - began)) ms"
}

# outside - the client's address as the gateway has it
outside() {
	status peers.alice.endpoint | sed 's/:[0-9]*$//'
}

on alice ip addr del 203.0.113.2/24 dev eth0
address alice eth0 203.0.113.77/24
on alice ip route replace default via 203.0.113.1 # went with the address
back "another address"
check "the gateway has it" wait_for 2 eval '[ "$(outside)" = 203.0.113.77 ]'

on alice ip route del default via 203.0.113.1
back "the default route is another interface's"
check "the gateway has that one's address" wait_for 2 eval '[ "$(outside)" = 192.0.2.2 ]'

on alice ip route add default via 203.0.113.1
back "a better default route comes back"
check "and is used" wait_for 3 eval '[ "$(outside)" = 203.0.113.77 ]'

on alice ip link set eth0 down
back "the interface goes down"
on alice ip link set eth0 up
on alice ip route replace default via 203.0.113.1
back "and up"

kill -STOP "$(cat "$T/connect-alice.spawned")"
sleep 3
on alice ip link set eth0 down
kill -CONT "$(cat "$T/connect-alice.spawned")"
back "another network while it stood still"

despawn pings
wait $download
check "the download is whole after all of that" same "$(cat "$T/got")" "$(sum_of 150000000)"
gap=$(sed -n 's/^\[\([0-9.]*\)\].*icmp_seq=.*time=.*/\1/p' "$T/pings.log" |
	awk 'NR > 1 && $1 - last > gap { gap = $1 - last } { last = $1 } END { print gap }')
echo "# the longest time without an answer: $gap s"
finish
