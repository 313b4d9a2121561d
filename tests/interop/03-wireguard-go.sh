#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# 03-wireguard-go.sh - our protocol core meets wireguard-go
#
# usage: 03-wireguard-go.sh [WIREGUARD_PEER]
# Without an argument it is the one that was built beside $CULVERT.
#
#   one network namespace, made for the purpose
#   +--------------------------------------------------------------+
#   |  wireguard_peer 10.66.77.1      wgo 10.66.77.2 (wireguard-go) |
#   |        127.0.0.1:51820  <------->  127.0.0.1:51821            |
#   +--------------------------------------------------------------+
#
# Three rounds, each with fresh keys and a pre-shared key: we initiate, they initiate, they
# initiate while we claim to be under load and so have to earn a cookie first.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
peer=${1:-$(dirname "${CULVERT:-$root/build-test/culvert}")/tests/wireguard_peer}
if [ ! -x "$peer" ]; then
	echo "skip: $peer is not built: tools/run-tests unit, or name it as the argument"
	exit 77
fi
if [ -z "${CULVERT_INTEROP:-}" ]; then
	CULVERT_INTEROP=inside
	export CULVERT_INTEROP
	for how in -nm -Urnm; do
		unshare $how true 2>/dev/null && exec unshare $how "$0" "$@"
	done
	echo "skip: neither root nor user namespaces are to be had here"
	exit 77
fi

umask 077
dir=$(mktemp -d)
go=
pinging=
cleanup() {
	for pid in $go $pinging; do
		kill "$pid" 2>/dev/null || true
	done
	rm -r "$dir"
}
trap cleanup EXIT
# The control socket stays in this mount namespace.
mount -t tmpfs none /run
ip link set lo up

hex() { base64 -d | od -An -v -tx1 | tr -d ' \n'; }

start_go() {
	wg genkey >"$dir/ours"
	wg genkey >"$dir/theirs"
	wg genpsk >"$dir/psk"
	wireguard-go -f wgo >"$dir/log" 2>&1 &
	go=$!
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ -S /run/wireguard/wgo.sock ] && break
		sleep 0.2
	done
	wg set wgo listen-port 51821 private-key "$dir/theirs" \
		peer "$(wg pubkey <"$dir/ours")" preshared-key "$dir/psk" \
		allowed-ips 10.66.77.1/32 endpoint 127.0.0.1:51820
	ip addr add 10.66.77.2/24 dev wgo
	ip link set wgo up
}

stop_go() {
	for pid in $go $pinging; do
		kill "$pid"
		wait "$pid" || true
	done
	go=
	pinging=
}

# round NAME ping|pong [load]
round() {
	name=$1
	shift
	start_go
	if [ "$1" = pong ]; then
		ping -i 0.2 -c 100 -s 900 -q 10.66.77.1 >/dev/null 2>&1 &
		pinging=$!
	fi
	"$peer" "$(hex <"$dir/ours")" "$(wg pubkey <"$dir/theirs" | hex)" "$(hex <"$dir/psk")" \
		51820 51821 "$1" 10 ${2:+"$2"}
	wg show wgo latest-handshakes | grep -qv '	0$'
	stop_go
	echo "ok $name"
}

round 'we initiate' ping
round 'they initiate' pong
round 'they initiate and earn a cookie' pong load
