#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# 04-netns.sh - `culvert device` in the place of wireguard-go, driven by wg(8) alone
#
# What wireguard-go's own script of this name asks of a device, and some more: adapters that
# move to other namespaces, both families inside and outside, large MTUs, roaming, the
# AllowedIPs filter, a NAT that forgets, source addresses that come and go, and configurations
# that need more than one read.
#
#   one (wg1 10.7.0.1, fd07::1) ---- outer: both devices' sockets on lo ---- two (wg2 10.7.0.2, fd07::2)
#
# Environment:
#   DEVICE     the program and its arguments before the adapter's name
#   NETNS_SH   wireguard-go's tests/netns.sh, to be run on DEVICE as well
. "$(dirname "$0")/../net/lib.sh"
needs_real_root "adapters move between namespaces"
DEVICE=${DEVICE:-$CULVERT device}

host outer one two
# Each has what the other sends; nobody compresses it.
openssl enc -aes-128-ctr -pass pass:x -nosalt -pbkdf2 </dev/zero 2>/dev/null |
	head -c 50000000 >"$T/payload"
payload=$(sha256sum <"$T/payload")
key1=$(wg genkey) key2=$(wg genkey)
pub1=$(wg pubkey <<<"$key1") pub2=$(wg pubkey <<<"$key2")
psk=$(wg genpsk)

# device HOST ADAPTER - runs in the background by itself; nobody waits for its end
device() {
	# shellcheck disable=SC2086 # a program and its arguments
	on "$1" $DEVICE "$2" >>"$T/$2.log" 2>&1 </dev/null
}

give() { # HOST ADAPTER HOST
	on "$1" ip link set "$2" netns "$(cat "$T/$3.pid")"
}

# configure HOST_OF_WG1 HOST_OF_WG2 - keys by their control sockets, then addresses where they are now
configure() {
	on "$1" wg set wg1 private-key <(echo "$key1") listen-port 10000 \
		peer "$pub2" preshared-key <(echo "$psk") allowed-ips 10.7.0.2/32,fd07::2/128
	on "$2" wg set wg2 private-key <(echo "$key2") listen-port 20000 \
		peer "$pub1" preshared-key <(echo "$psk") allowed-ips 10.7.0.1/32,fd07::1/128
	address one wg1 10.7.0.1/24 fd07::1/64
	address two wg2 10.7.0.2/24 fd07::2/64
	on one ip link set wg1 up
	on two ip link set wg2 up
}

pings() { # HOST ADDRESS [COUNT]
	on "$1" ping -n -q -i 0.01 -c "${3:-20}" -W 1 "$2"
}

# carries FROM TO ADDRESS - TCP brings the payload whole
carries() {
	case $3 in
	*:*) listen=TCP6-LISTEN connect="TCP6:[$3]" ;;
	*) listen=TCP4-LISTEN connect="TCP4:$3" ;;
	esac
	on "$2" timeout 20 socat -u "$listen:4242,reuseaddr" - 2>/dev/null | sha256sum >"$T/sum" &
	carrier=$!
	wait_for 2 on "$2" sh -c 'ss -Hltn "sport = 4242" | grep -q .' || return 1
	on "$1" timeout 20 socat -u "$T/payload" "$connect:4242"
	wait "$carrier"
	same "$(cat "$T/sum")" "$payload"
}

# datagrams FROM TO ADDRESS - percent of UDP, which a busy machine loses some of, that does not arrive at 50 Mbit/s
datagrams() {
	spawn iperf "$2" iperf3 -s -1 --forceflush
	wait_for 3 grep -q listening "$T/iperf.log"
	on "$1" iperf3 -u -b 50M -t 1 -c "$3" --json >"$T/iperf.json"
	wait "$spawned"
	/usr/bin/python3 -c '
import json, sys
print(json.load(open(sys.argv[1]))["end"]["sum"]["lost_percent"])' "$T/iperf.json"
}

# everything WHAT - pings, TCP and UDP, both families and ways
everything() {
	check "$1: pings of IPv4" pings two 10.7.0.1
	check "$1: pings of IPv6" pings one fd07::2
	check "$1: pings larger than any link, in fragments" \
		on one ping -n -c 2 -i 0.1 -W 1 -M dont -s 20000 10.7.0.2
	check "$1: TCP over IPv4" carries one two 10.7.0.2
	check "$1: TCP over IPv6" carries two one fd07::1
	check "$1: UDP over IPv4" compare "$(datagrams two one 10.7.0.1)" '<' 50
	check "$1: UDP over IPv6" compare "$(datagrams one two fd07::2)" '<' 50
}

set_mtu() {
	on one ip link set wg1 mtu "$1"
	on two ip link set wg2 mtu "$1"
}

# --- beginning and moving ---------------------------------------------------------------

check "the command returns with an adapter that is there" \
	eval 'device outer wg1 && on outer ip link show dev wg1'
give outer wg1 one
device outer wg2 && give outer wg2 two
check_not "a name that is taken is refused" device one wg1
check "wg finds both where their sockets are" \
	same "$(on outer wg show interfaces | tr ' ' '\n' | sort | xargs)" "wg1 wg2"
configure outer outer
check "an adapter without a configured MTU has WireGuard's" \
	same "$(on one cat /sys/class/net/wg1/mtu)" 1420

for loopback in 127.0.0.1 '[::1]'; do
	on outer wg set wg1 peer "$pub2" endpoint "$loopback:20000"
	on outer wg set wg2 peer "$pub1" endpoint "$loopback:10000"
	everything "outside $loopback"
	set_mtu 34736
	everything "outside $loopback, a large MTU"
	set_mtu 1420
done
check "wg counts what has passed" \
	compare "$(on outer wg show wg2 transfer | cut -f 2)" '>' 200000000

# --- roaming ----------------------------------------------------------------------------

on outer ip addr del 127.0.0.1/8 dev lo
on outer ip addr add 127.9.8.7/8 dev lo
on outer wg set wg1 listen-port 9999
on outer wg set wg1 peer "$pub2" endpoint 127.0.0.1:20000
check "a ping from another port and address is answered" pings one fd07::2 1
check "and the other end has learnt them" \
	same "$(on outer wg show wg2 endpoints)" "$pub1	127.9.8.7:9999"
on outer wg set wg1 listen-port 9998
on outer wg set wg1 peer "$pub2" endpoint '[::1]:20000'
check "also from IPv4 to IPv6" pings one 10.7.0.2 1
check "and that is learnt too" same "$(on outer wg show wg2 endpoints)" "$pub1	[::1]:9998"

# --- who may send what ------------------------------------------------------------------

# heard - whether a datagram from two reaches a program of one
heard() {
	spawn listener one socat -u UDP4-RECVFROM:1111 -
	wait_for 2 on one sh -c 'ss -Hlun "sport = 1111" | grep -q .'
	echo word | on two socat -u - UDP4:10.7.0.1:1111
	wait_for 1 grep -q word "$T/listener.log"
	heard_status=$?
	despawn listener
	return "$heard_status"
}
on outer wg set wg1 peer "$pub2" allowed-ips 10.7.0.0/24
check "a source within AllowedIPs is let in" heard
other=$(wg genkey | wg pubkey)
on outer wg set wg1 peer "$other" allowed-ips 10.7.0.2/32
on outer wg set wg2 listen-port 9997
check_not "a source that is somebody else's by a longer prefix is not" heard
on outer wg set wg1 peer "$other" remove
check "but its endpoint was learnt: it had the right key" \
	same "$(on outer wg show wg1 endpoints)" "$pub2	[::1]:9997"
check "and without that peer it is let in again" heard
on one ip link del wg1
on two ip link del wg2
check "a device ends with its adapter" \
	wait_for 3 eval '[ -z "$(on outer wg show interfaces)" ]'

# --- a NAT that forgets within two seconds ----------------------------------------------

host router
link one eth0 router lan
link router wan two eth0
address one eth0 192.0.2.2/24
address router lan 192.0.2.1/24
address router wan 198.51.100.1/24
address two eth0 198.51.100.2/24
on one ip route add default via 192.0.2.1
on router sysctl -q -w net.ipv4.ip_forward=1
on router nft -f - <<-'END'
	table ip nat {
		chain out {
			type nat hook postrouting priority srcnat;
			oifname "wan" masquerade
		}
	}
END
on router sysctl -q -w net.netfilter.nf_conntrack_udp_timeout=2 \
	net.netfilter.nf_conntrack_udp_timeout_stream=2
device one wg1
device two wg2
configure one two
on one wg set wg1 peer "$pub2" endpoint 198.51.100.2:20000 persistent-keepalive 1
check "through a NAT: from inside" pings one 10.7.0.2 1
check "and back" pings two 10.7.0.1 1
check "the far end sees the NAT's address" \
	same "$(on two wg show wg2 endpoints | cut -f 2 | cut -d : -f 1)" 198.51.100.1
sleep 3
check "persistent keepalives keep it open" pings two 10.7.0.1 1
on one ip link del wg1
on two ip link del wg2
on router ip link del lan
on router ip link del wan

# --- source addresses that come and go --------------------------------------------------

link one eth0 two eth0
on one sysctl -q -w net.ipv4.conf.eth0.promote_secondaries=1
address one eth0 192.0.2.1/24 2001:db8::1/64
address two eth0 192.0.2.9/24 2001:db8::9/64
device one wg1
device two wg2
configure one two
on one wg set wg1 peer "$pub2" endpoint 192.0.2.9:20000
check "a ping to begin with" pings one 10.7.0.2 1
address one eth0 192.0.2.7/24
on one ip addr del 192.0.2.1/24 dev eth0
check "our address is gone: the very next ping leaves by the other one" pings one 10.7.0.2 1
on one wg set wg1 peer "$pub2" endpoint '[2001:db8::9]:20000'
check "a ping by IPv6" pings one 10.7.0.2 1
address one eth0 2001:db8::7/64
on one ip addr del 2001:db8::1/64 dev eth0
check "the same with IPv6" pings one 10.7.0.2 1

address one eth0 192.0.2.1/24 2001:db8::1/64
for to in 192.0.2.1 192.0.2.7 '[2001:db8::1]' '[2001:db8::7]'; do
	on two wg set wg2 peer "$pub1" endpoint "$to:10000"
	check "called at $to" pings two 10.7.0.1 1
	check "it answers from there" same "$(on two wg show wg2 endpoints)" "$pub1	$to:10000"
done
on one ip link del wg1
on two ip link del wg2

# --- large configurations ----------------------------------------------------------------

device outer wg0
{
	printf '[Interface]\nPrivateKey = %s\n[Peer]\nPublicKey = %s\n' "$key1" "$pub2"
	awk 'BEGIN { for (a = 1; a < 256; a++) for (b = 0; b < 256; b++)
		printf "AllowedIPs = %d.%d.0.0/16, %x::%x/128\n", a, b, a, b }'
} >"$T/many.conf"
check "130560 AllowedIPs of one peer are taken" on outer wg setconf wg0 "$T/many.conf"
check "and shown" same "$(on outer wg show wg0 allowed-ips | wc -w)" $((255 * 256 * 2 + 1))
{
	printf '[Interface]\nPrivateKey = %s\n' "$key1"
	for peer in $(seq 40); do
		printf '[Peer]\nPublicKey = %s\n' "$(wg genkey | wg pubkey)"
		seq -f "AllowedIPs = $peer.%g.0.0/16" 52
	done
} >"$T/many.conf"
check "40 peers of 52 take their place" on outer wg setconf wg0 "$T/many.conf"
check "and are shown" same \
	"$(on outer wg show wg0 allowed-ips | awk '{ n[NF]++ } END { print n[53], NR }')" "40 40"
check_not "a device that is not there is not shown" on outer wg show wg9
on outer ip link del wg0

# --- the original ------------------------------------------------------------------------

# Its only wish of the host as a whole is a sysctl that a new network namespace hasn't got.
if [ -n "${NETNS_SH-}" ]; then
	check "wireguard-go's own script" unshare --net --mount bash -c '
		mkdir -p /run/netns
		mount -t tmpfs tmpfs /proc/sys/net/core
		echo 5 >/proc/sys/net/core/message_cost
		timeout 300 bash "$1" "$2"' sh "$NETNS_SH" "$DEVICE"
fi
finish
