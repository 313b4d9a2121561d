# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
#
# rival.sh - what people use today, in the gateway's place: wireguard-go, ip_forward and
# nftables masquerade, and unbound for DNS.  The yardstick of bench/, and the proof that
# the tests' own network works without Culvert.

rival_init() {
	mkdir -p "$T/rival"
	(umask 077 && wg genkey >"$T/rival/key")
	rival_peers=0
	printf '[Interface]\nPrivateKey = %s\nListenPort = 51820\n' \
		"$(cat "$T/rival/key")" >"$CONFIG"
}

rival_peer() {
	rival_peers=$((rival_peers + 1))
	rival_address=10.66.77.$((rival_peers + 1))
	key=$(wg genkey)
	printf '\n[Peer]\nPublicKey = %s\nAllowedIPs = %s/32\n' \
		"$(echo "$key" | wg pubkey)" "$rival_address" >>"$CONFIG"
	cat >"$T/$1.conf" <<-END
		[Interface]
		PrivateKey = $key
		Address = $rival_address/24, fd66:77::$((rival_peers + 1))/128
		DNS = 10.66.77.1
		MTU = 1420
		[Peer]
		PublicKey = $(wg pubkey <"$T/rival/key")
		AllowedIPs = 0.0.0.0/0, ::/0
		Endpoint = 203.0.113.1:51820
		PersistentKeepalive = 25
	END
}

rival_start() {
	on gateway env LOG_LEVEL=error "${RIVAL_PROGRAM:-wireguard-go}" wgs0 >>"$T/gateway.log" 2>&1
	rival_reload
	address gateway wgs0 10.66.77.1/24
	on gateway ip link set wgs0 mtu 1420 up
	on gateway sysctl -q -w net.ipv4.ip_forward=1
	on gateway nft -f - <<-'END'
		table ip rival {
			chain out {
				type nat hook postrouting priority srcnat;
				ip saddr 10.66.77.0/24 oifname "wan" masquerade
			}
		}
	END
	cat >"$T/rival/unbound.conf" <<-END
		server:
			interface: 10.66.77.1
			access-control: 10.66.77.0/24 allow
			username: ""
			chroot: ""
			directory: "$T/rival"
			pidfile: "$T/rival/unbound.pid"
			use-syslog: no
			do-ip6: no
			module-config: "iterator"
		remote-control:
			control-enable: no
		forward-zone:
			name: "."
			forward-addr: 198.51.100.53
	END
	spawn rival-unbound gateway unbound -d -c "$T/rival/unbound.conf"
	gateway_pid=$(pgrep -x wireguard-go | head -n 1)
}

rival_reload() {
	on gateway wg syncconf wgs0 "$CONFIG"
}

rival_stop() {
	on gateway nft delete table ip rival
	on gateway ip link del wgs0
	despawn rival-unbound
	stop_ms=0
}
