#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The clock of the client is wrong.  A handshake carries the time, and the gateway refuses one that is
# older than the last: that is what stops replays.  So a client whose clock has gone back by
# a day, as after its battery was empty, goes on from its last handshake's time, or says that it
# is the clock.
#
#   alice (by libfaketime: a day ahead, right, a day behind) ==== gateway
#
# Not disturbed by others.

. "$(dirname "$0")/lib.sh"
needs_culvert
faketime=$(find /usr/lib -name libfaketime.so.1 | head -n 1)
[ -n "$faketime" ] || skip "libfaketime is not installed"
three_hosts
gateway_init || { failed "culvert init makes a configuration" && finish; }
gateway_peer alice
gateway_start

# connect_at OFFSET - only CLOCK_REALTIME is faked: the other clocks of a host are never wrong
connect_at() {
	CONNECT_UNDER="env LD_PRELOAD=$faketime FAKETIME=$1 FAKETIME_DONT_FAKE_MONOTONIC=1"
	connect alice
}
MEMORY=/var/lib/culvert/wg0.clock
pong() {
	on alice ping -c 1 -W 1 10.66.77.1
}
connect_at -1d
check "a day behind, and the gateway has never seen it: it connects" wait_for 5 pong
despawn connect-alice
on alice rm -f $MEMORY
connect_at +0d
check "with the right time it connects" wait_for 5 pong
check "and remembers it" wait_for 2 on alice test -s $MEMORY
despawn connect-alice
connect_at -1d
check "a day behind what the gateway has seen: it knows better, and connects" wait_for 6 pong
despawn connect-alice

# Without its memory it can only say so.
on alice rm $MEMORY
connect_at -1d
check "without the time of its last handshake it says that its clock may be wrong" \
	wait_for 12 grep -qi 'clock may be wrong' "$T/connect-alice.log"
sed 's/^/# /' "$T/connect-alice.log"
check_not "for the gateway takes it for a replay" pong
despawn connect-alice
connect_at +1d
check "a day ahead it connects" wait_for 5 pong
despawn connect-alice
finish
