#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# `culvert device` in wireguard-go's place: wg(8) and wg-quick(8) configure it, it goes to the
# background when it can be configured, and nothing of it is left when its adapter goes.
#
#   alice (culvert device wg0) ==== WireGuard ==== gateway ---- internet
. "$(dirname "$0")/lib.sh"
needs_culvert
three_hosts
serve internet
gateway_init
gateway_peer alice
gateway_start
ln -s "$CULVERT" "$T/culvert-device"
SOCKET=/var/run/wireguard/wg0.sock

gone() { # PID: ended, though nobody may have waited for it
	! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status"
}
device_pid() {
	on alice sh -c "cut -d ' ' -f 1 /var/run/wireguard/wg0.lock"
}

# --- the device by itself ---------------------------------------------------------------
host_state alice >"$T/before"
check "it leaves for the background with 0" on alice "$CULVERT" device wg0
pid=$(device_pid)
check "the adapter is there at once, and is down" \
	sh -c "nsenter -t $(cat "$T/alice.pid") --net ip link show wg0 | grep -q 'state DOWN'"
check "wg(8) finds it at once" on alice wg show wg0
check "its socket is its owner's alone" same "$(on alice stat -c %a $SOCKET)" 600
check "it has kept no descriptor of who started it" \
	sh -c "! ls -l /proc/$pid/fd | grep -q \"$T\""
on alice "$CULVERT" device wg0 >"$T/second.out" 2>&1
check "a second one of the name is refused" same $? 1
check "with a sentence" grep -q 'wg0 is taken' "$T/second.out"
on alice wg set wg0 listen-port 4321
check "wg(8) sets the port" same "$(on alice wg show wg0 listen-port)" 4321
spawn taken alice socat -u UDP4-LISTEN:5555 STDOUT
wait_for 2 sh -c "nsenter -t $(cat "$T/alice.pid") --net ss -Hlun 'sport = 5555' | grep -q ."
check_not "wg(8) is told that a port is in use" on alice wg set wg0 listen-port 5555
check "and the one before stays" same "$(on alice wg show wg0 listen-port)" 4321
despawn taken
on alice ip link del wg0
check "it ends when the adapter is deleted" wait_for 2 gone "$pid"
check "and its socket with it" wait_for 2 not on alice ls $SOCKET
host_state alice >"$T/after"
check "the host is as it was" diff "$T/before" "$T/after"

spawn foreground alice env WG_PROCESS_FOREGROUND=1 "$CULVERT" device wg0
check "it stays in the foreground if it is asked to" wait_for 2 on alice wg show wg0
despawn foreground
check "SIGTERM ends it with 0" same $? 0
check "and nothing stays" not on alice ls $SOCKET
host_state alice >"$T/after"
check "the host is as it was again" diff "$T/before" "$T/after"

on alice "$T/culvert-device" wg0
kill -KILL "$(device_pid)"
check "killed, it leaves no adapter" wait_for 2 not on alice ip link show wg0
check "and its socket is no obstacle to the next one" on alice "$T/culvert-device" wg0
on alice ip link del wg0
wait_for 2 not on alice ls $SOCKET

# --- wg-quick ------------------------------------------------------------------------------
cp "$T/alice.conf" "$T/alice/wg0.conf"
chmod 600 "$T/alice/wg0.conf"
sed -i '/^DNS/d' "$T/alice/wg0.conf"
quick() {
	on alice env WG_QUICK_USERSPACE_IMPLEMENTATION="$T/culvert-device" \
		wg-quick "$1" "$T/alice/wg0.conf"
}
check "wg-quick brings it up" quick up
check "the tunnel is up" wait_for 5 on alice ping -c 1 -W 1 10.66.77.1
check "all traffic goes through it" fetch alice http://198.51.100.2/bytes/10000000
check "by the mark that wg-quick gave it" same "$(on alice wg show wg0 fwmark)" 0xca6c
check "wg(8) shows the handshake" sh -c \
	"nsenter -t $(cat "$T/alice.pid") --net --mount wg show wg0 | grep -q 'latest handshake'"
pid=$(device_pid)
check "wg-quick takes it down" quick down
check "and it ends" wait_for 2 gone "$pid"
# wg-quick leaves this one set, whatever runs behind it.
on alice sysctl -q -w net.ipv4.conf.all.src_valid_mark=0
host_state alice >"$T/after"
check "the host is as it was before wg-quick" diff "$T/before" "$T/after"

# --- refusals ------------------------------------------------------------------------------
check_not "a name that is none is refused" on alice "$CULVERT" device 'a/b'
check_not "so is one that is too long" on alice "$CULVERT" device abcdefghijklmnop
check_not "and none at all" on alice "$CULVERT" device
finish
