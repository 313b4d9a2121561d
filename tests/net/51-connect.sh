#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# `culvert connect FILE`: the tunnel of a client's file, as an adapter and nothing else of the host,
# whichever way it ends; what it says, and every refusal a sentence with its cure.
#
#   alice (culvert connect) ==== WireGuard ==== gateway ---- internet
#
# Not disturbed by others.

. "$(dirname "$0")/lib.sh"
needs_culvert
three_hosts
serve internet
gateway_init
gateway_peer alice
gateway_start
mkdir -p "$T/alice/etc"
HOME_CONF=$T/alice/etc/home.conf
(umask 077 && cp "$T/alice.conf" "$HOME_CONF")

begin() { # [OPTION...]
	rm -f "$T/connect.log"
	spawn connect alice "$CULVERT" connect "$@" "$HOME_CONF"
}
connect() { # [OPTION...] - of home.conf, in the background; waits until it is up
	begin "$@"
	wait_for 5 grep -q 'connected to' "$T/connect.log"
}
# Without the adapter: its address, its connected routes, its offloads.
alice_state() {
	host_state alice | awk '/^# ethtool/ { adapter = / home$/ } /^# sysctl/ { adapter = 0 } !adapter' |
		grep -v -w -e home -e '10\.66\.77\.[0-9/]*' -e 'fd[0-9a-f:]*77[0-9a-f:]*' \
			-e 'ff00::/8'
}
running() {
	on alice "$CULVERT" status "$HOME_CONF" --json | /usr/bin/python3 "$TOOLS/status.py" "$1"
}

# --- up, and only the adapter ---------------------------------------------------------------
host_state alice >"$T/before"
alice_state >"$T/before.without"
check "it connects" connect
check "and says to where and how" \
	grep -q 'home: connected to 203.0.113.1:51820 by UDP' "$T/connect.log"
check "the gateway answers" wait_for 2 on alice ping -c 1 -W 1 10.66.77.1
alice_state >"$T/during.without"
check "nothing else of the host is changed" diff "$T/before.without" "$T/during.without"
check_not "so the internet is not reached by it" on alice ping -c 1 -W 1 198.51.100.2
on alice ip route add 198.51.100.0/24 dev home
check "but it is by a route of one's own" fetch alice http://198.51.100.2/bytes/20000000
on alice ip route del 198.51.100.0/24
check "wg(8) shows it" on alice wg show home latest-handshakes

# --- status -----------------------------------------------------------------------------------
check "status says that it is a client" same "$(running role)" client
check "its adapter" same "$(running adapter)" home
check "where the peer is" same "$(running peers.0.endpoint)" 203.0.113.1:51820
check "by which transport" same "$(running peers.0.transport)" udp
check "what it carried" compare "$(running peers.0.rx_bytes)" '>' 20000000
check "and the MTU in force" compare "$(running peers.0.mtu)" '>=' 1280
check "as a page too" sh -c "nsenter -t $(cat "$T/alice.pid") --net --mount --uts \
	$CULVERT status --config $HOME_CONF | grep -q 'adapter home'"
before=$(now_ms)
running role >/dev/null
check "at once" compare $(($(now_ms) - before)) '<' 300

# --- two of one file ------------------------------------------------------------------------
on alice "$CULVERT" connect "$HOME_CONF" >"$T/second.out" 2>&1
check "a second one of the file is refused" same $? 1
check "with a sentence that names the first" \
	grep -q "in use by process $(cat "$T/connect.spawned")" "$T/second.out"
check "and the first goes on" on alice ping -c 1 -W 1 10.66.77.1

# --- the ways to end ------------------------------------------------------------------------
despawn connect
check "SIGTERM ends it with 0" same $? 0
host_state alice >"$T/after"
check "and the host is as it was" diff "$T/before" "$T/after"

connect
kill -KILL "$(cat "$T/connect.spawned")"
wait "$(cat "$T/connect.spawned")" 2>/dev/null
host_state alice >"$T/after"
check "after kill -9 the host is as it was" diff "$T/before" "$T/after"

check "it starts again after that" connect
disconnect() { # [FILE | NAME]
	on alice "$CULVERT" disconnect "$@" >"$T/disconnect.out" 2>&1
}
check "disconnect ends it" disconnect "$HOME_CONF"
check "and says so" grep -q 'disconnected' "$T/disconnect.out"
wait "$(cat "$T/connect.spawned")"
check "which is an end with 0" same $? 0
host_state alice >"$T/after"
check "and the host is as it was" diff "$T/before" "$T/after"
check "a second disconnect is no error" disconnect "$HOME_CONF"
check "and says that there was nothing" grep -q 'nothing was connected' "$T/disconnect.out"

connect --interface other
check "the adapter has the name that it was given" on alice ip link show dev other
check "disconnect takes the adapter's name" disconnect other
check "it is gone" not on alice ip link show dev other
connect
check "or the file's name from elsewhere" disconnect home.conf
check "it is gone" not on alice ip link show dev home
connect
check "and without a name it ends all" disconnect
check "it is gone" not on alice ip link show dev home
check "but not the gateway" gateway_ready

connect
on alice ip link del dev home
wait "$(cat "$T/connect.spawned")"
check "an adapter that is deleted ends it with 1" same $? 1
host_state alice >"$T/after"
check "and the host is as it was" diff "$T/before" "$T/after"

# --- a gateway that does not answer -----------------------------------------------------------
gateway_stop
began=$(now_ms)
begin
check "within ten seconds it says which port is not answered" \
	wait_for 10 grep -q 'no answer from 203.0.113.1 by UDP port 51820' "$T/connect.log"
gateway_start
check "it connects as soon as there is a gateway" wait_for 8 grep -q 'connected to' "$T/connect.log"
despawn connect

# --- refusals -------------------------------------------------------------------------------
# refused SENTENCE PATTERN FILE [OPTION...] - it ends with 1 or 2 and one line that has PATTERN
refused() {
	sentence=$1 pattern=$2 file=$3
	shift 3
	timeout 10 nsenter -t "$(cat "$T/alice.pid")" --net --mount --uts \
		"$CULVERT" connect "$@" "$file" >"$T/refused.out" 2>&1
	refused_status=$?
	check "$sentence" grep -q "$pattern" "$T/refused.out"
	check "  and nothing is half done" same "$refused_status/$(on alice ip -o link | wc -l)" 1/2
}
bad() { # SED-SCRIPT - home.conf with a mistake
	(umask 077 && sed "$1" "$HOME_CONF" >"$T/alice/etc/bad.conf")
	echo "$T/alice/etc/bad.conf"
}
refused "no file" 'no such file, name the one' "$T/alice/nothing.conf"
refused "a directory" 'not a regular file' "$T/alice"
refused "a picture" 'not a text' /bin/sh
refused "a key that is none" 'PrivateKey' "$(bad 's/^PrivateKey.*/PrivateKey = hello/')"
refused "no endpoint" 'no peer has an Endpoint' "$(bad '/^Endpoint/d')"
refused "no peer" 'no \[Peer\]' "$(bad '/^\[Peer\]/,$d')"
refused "no address" 'no Address' "$(bad '/^Address/d')"
echo 'hosts: files' >"$T/alice/nsswitch.conf"
on alice mount --bind "$T/alice/nsswitch.conf" /etc/nsswitch.conf
refused "a name that does not exist" 'no host named no-such-host.invalid: correct Endpoint' \
	"$(bad 's/^Endpoint.*/Endpoint = no-such-host.invalid:51820/')"
on alice umount /etc/nsswitch.conf
on alice ip addr add 10.66.77.2/24 dev lo
refused "an address that the host has" 'on this host already' "$HOME_CONF"
on alice ip addr del 10.66.77.2/24 dev lo
spawn taken alice socat -u UDP4-LISTEN:5555 STDOUT
wait_for 2 sh -c "nsenter -t $(cat "$T/alice.pid") --net ss -Hlun 'sport = 5555' | grep -q ."
refused "a port in use" 'UDP port 5555 is in use' "$(bad 's/^\[Interface\]/&\nListenPort = 5555/')"
despawn taken
refused "an adapter's name that is taken" 'lo is taken' "$HOME_CONF" --interface lo
timeout 10 nsenter -t "$(cat "$T/alice.pid")" --net --mount setpriv --bounding-set -all \
	--inh-caps -all "$CULVERT" connect "$HOME_CONF" >"$T/refused.out" 2>&1
check "without the right it names the cure" grep -q 'culvert exec' "$T/refused.out"
check_not "--exclude alone is no order" on alice "$CULVERT" connect --exclude 10.0.0.0/8 "$HOME_CONF"
chmod 644 "$HOME_CONF"
connect
check "a file that everybody may read is a warning" grep -q 'chmod 600' "$T/connect.log"
despawn connect
finish
