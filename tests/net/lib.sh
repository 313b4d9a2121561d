# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
#
# lib.sh - a small internet for a test: hosts in namespaces, a gateway, what looks at them
#
# Sourced first by every test.  The script starts itself again inside namespaces of its
# own (user, where it is not root; mount, network, process, host name), so it needs no
# root, and the kernel takes everything away with the script's last process, however that ends.
#
#            alice                          gateway                        internet
#      203.0.113.2 -------------- 203.0.113.1 | 198.51.100.1 ------------- 198.51.100.2
#   2001:db8:a::2          access | 2001:db8:a::1        wan | eth0        198.51.100.53
#                                 |                          |             (more by name)
#              bob                |
#        192.0.2.2 ---- 192.0.2.1 access2
#
# The gateway does not forward (ip_forward=0) and the internet has no route back to
# 10.66.77.0/24 or to the clients' networks: only a NAT in the gateway carries anything.
# Clients are stock, where a test is not about our own: Debian's wg-quick and wireguard-go with the file that `culvert peer add` printed.
#
# Environment:
#   CULVERT   the program under test (default build/culvert)
#   IMPAIR    the bad cable (default tests/impair beside it)
#   GATEWAY   culvert, or wireguard-go for the rival: wireguard-go, ip_forward, nftables
#             masquerade and unbound in the gateway's place
#   CLIENT    wg-quick, or culvert for our own client with --route-all in its place
#
# A test says `check "a sentence" command...` and ends with `finish`.  Exit status 0: all
# held, 1: some did not, 77: it can't run here (the reason is printed).
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C.UTF-8
export PATH LC_ALL
unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=${HERE%/tests/*}
ROOT=${ROOT%/bench}
TOOLS=$ROOT/tests/net
CULVERT=${CULVERT:-$ROOT/build/culvert}
case $CULVERT in
/*) ;;
*) CULVERT=$PWD/$CULVERT ;;
esac
IMPAIR=${IMPAIR:-$(dirname "$CULVERT")/tests/impair}
GATEWAY=${GATEWAY:-culvert}
CLIENT=${CLIENT:-wg-quick}
export CULVERT GATEWAY CLIENT IMPAIR

skip() {
	echo "skip: $*"
	exit 77
}

# --- into namespaces -------------------------------------------------------------------

if [ -z "${CULVERT_TEST_INSIDE-}" ]; then
	[ "$GATEWAY" != culvert ] || [ -x "$CULVERT" ] || skip "$CULVERT is not built"
	CULVERT_TEST_REAL_ROOT=
	user=--map-root-user
	if [ "$(id -u)" = 0 ] && unshare --mount --net true 2>/dev/null; then
		user=
		CULVERT_TEST_REAL_ROOT=yes
	fi
	unshare $user --mount --net --pid --fork --mount-proc true 2>/dev/null ||
		skip "neither root nor user namespaces are to be had here"
	CULVERT_TEST_INSIDE=yes
	export CULVERT_TEST_INSIDE CULVERT_TEST_REAL_ROOT
	exec unshare $user --mount --net --uts --pid --fork --kill-child --mount-proc "$0" "$@"
fi

mount --make-rprivate /
mount -t tmpfs tmpfs /run
T=/run/test
mkdir -p "$T" /run/lock

needs_real_root() {
	[ -n "$CULVERT_TEST_REAL_ROOT" ] || skip "needs real root: $*"
}

# For what a gateway without our code cannot have.
needs_culvert() {
	[ "$GATEWAY" = culvert ] || skip "about Culvert itself"
}

# --- checks ----------------------------------------------------------------------------

checks=0
failures=0

passed() {
	checks=$((checks + 1))
	echo "ok $checks - $1"
}

failed() {
	checks=$((checks + 1))
	failures=$((failures + 1))
	echo "not ok $checks - $1"
}

# check SENTENCE COMMAND... - the command says whether the sentence holds
check() {
	sentence=$1
	shift
	if "$@" >"$T/check.out" 2>&1; then
		passed "$sentence"
	else
		failed "$sentence"
		echo "# $*"
		tail -n 15 "$T/check.out" | sed 's/^/# /'
		return 1
	fi
}

# check_not SENTENCE COMMAND... - the sentence holds if the command fails
check_not() {
	sentence=$1
	shift
	if "$@" >"$T/check.out" 2>&1; then
		failed "$sentence"
		echo "# succeeded: $*"
		tail -n 15 "$T/check.out" | sed 's/^/# /'
		return 1
	fi
	passed "$sentence"
}

# not COMMAND... - for wait_for: the command fails
not() {
	! "$@"
}

# compare A OP B - for check: a comparison of two numbers or sums, which it shows
compare() {
	echo "compared: $*"
	[ -n "$1" ] && [ -n "$3" ] && awk "BEGIN { exit !(($1) $2 ($3)) }"
}

# same A B - for check: two texts are the same
same() {
	[ "$1" = "$2" ] || {
		echo "have: $1"
		echo "want: $2"
		return 1
	}
}

finish() {
	[ "$checks" -gt 0 ] || failed "the test checked something"
	if [ "$failures" != 0 ] && [ -s "$T/gateway.log" ]; then
		echo "# the gateway's log:"
		tail -n 30 "$T/gateway.log" | sed 's/^/#   /'
	fi
	for log in "$T"/connect-*.log; do
		if [ "$failures" = 0 ] || [ ! -s "$log" ]; then continue; fi
		echo "# the client's log, ${log##*/}:"
		tail -n 30 "$log" | sed 's/^/#   /'
	done
	[ "$failures" = 0 ]
	exit
}

# --- time ------------------------------------------------------------------------------

now_ms() { date +%s%3N; }

# wait_for SECONDS COMMAND... - tries every 50 ms until the command succeeds
wait_for() {
	deadline=$(($(now_ms) + $1 * 1000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(now_ms)" -lt $deadline ] || return 1
		sleep 0.05
	done
}

# --- hosts -----------------------------------------------------------------------------

# host NAME... - each a network, mount and host-name namespace held by a sleeping process
host() {
	for name in "$@"; do
		unshare --net --mount --uts sleep infinity &
		echo $! >"$T/$name.pid"
		wait_for 5 own_namespace "$name" || {
			echo "cannot make the host $name" >&2
			exit 1
		}
		mkdir -p "$T/$name"
		: >"$T/$name/resolv.conf"
		on "$name" sh -c '
			hostname "$1"
			# Addresses are there at once, not after a second of asking whether they are taken.
			sysctl -q -w net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
			ip link set lo up
			for dir in /run/culvert /run/wireguard /run/lock /var/lib; do
				mkdir -p $dir && mount -t tmpfs tmpfs $dir
			done
			mount --bind "$2/resolv.conf" /etc/resolv.conf
			echo "127.0.0.1 localhost" >"$2/hosts"
			mount --bind "$2/hosts" /etc/hosts
			mount -t sysfs sysfs /sys 2>/dev/null
			:' sh "$name" "$T/$name"
	done
}

own_namespace() {
	[ "$(readlink "/proc/$(cat "$T/$1.pid")/ns/uts")" != "$(readlink /proc/self/ns/uts)" ]
}

# on HOST COMMAND... - runs it there
on() {
	on_host=$1
	shift
	nsenter -t "$(cat "$T/$on_host.pid")" --net --mount --uts "$@"
}

# spawn NAME HOST COMMAND... - runs it there in the background; despawn NAME ends it.  Its own
# process id, not that of a shell around it, is in $T/NAME.spawned and in $spawned.
spawn() {
	spawn_name=$1 spawn_host=$2
	shift 2
	: >"$T/$spawn_name.log" # now, not when it gets to run: what an earlier one said is gone
	nsenter -t "$(cat "$T/$spawn_host.pid")" --net --mount --uts "$@" \
		>"$T/$spawn_name.log" 2>&1 </dev/null &
	spawned=$!
	echo $spawned >"$T/$spawn_name.spawned"
}

# despawn NAME - ends it and waits; returns its exit status
despawn() {
	despawn_pid=$(cat "$T/$1.spawned")
	kill "$despawn_pid" 2>/dev/null
	wait "$despawn_pid"
}

# link HOST_A IFACE_A HOST_B IFACE_B - a cable
link() {
	ip link add cable-a type veth peer name cable-b
	ip link set cable-a netns "$(cat "$T/$1.pid")" name "$2"
	ip link set cable-b netns "$(cat "$T/$3.pid")" name "$4"
	on "$1" ip link set "$2" up
	on "$3" ip link set "$4" up
}

# impaired_link HOST_A IFACE_A HOST_B IFACE_B [SETTING...] - a cable with delay, loss, a rate: through a
# host of its own, HOST_A-HOST_B, where tests/net/impair.c is the bridge and lists the settings.  Each
# frame on it is one packet: the offloads of both far ends are off.
impaired_link() {
	[ -x "$IMPAIR" ] || skip "$IMPAIR is not built"
	wire=$1-$3 far_a="$1 $2" far_b="$3 $4"
	host "$wire"
	on "$wire" sysctl -q -w net.ipv6.conf.default.disable_ipv6=1
	link "$1" "$2" "$wire" left
	link "$wire" right "$3" "$4"
	for far in "$far_a" "$far_b"; do
		# Not -k's "off [fixed]" of one feature, but only the whole would say that it failed.
		on "${far% *}" ethtool -K "${far#* }" tx off tso off gso off gro on \
			tx-udp-segmentation off >/dev/null 2>&1
	done
	shift 4
	mkfifo "$T/$wire.settings"
	nsenter -t "$(cat "$T/$wire.pid")" --net "$IMPAIR" left right "$@" \
		<>"$T/$wire.settings" >"$T/$wire.log" 2>&1 &
	wait_for 5 grep -q ready "$T/$wire.log" || {
		cat "$T/$wire.log"
		exit 1
	}
}

# impair HOST_A-HOST_B SETTING - changes it while it is in use; returns once that is in force
impair() {
	impair_lines=$(wc -l <"$T/$1.log")
	echo "$2" >"$T/$1.settings"
	wait_for 2 impair_said "$1" "$impair_lines" && ! tail -n 1 "$T/$1.log" | grep 'not understood'
}

impair_said() {
	[ "$(wc -l <"$T/$1.log")" -gt "$2" ]
}

# impair_count HOST_A-HOST_B up|down WHAT - frames passed, lost, full, filtered, refused, overrun
impair_count() {
	impair "$1" count && sleep 0.01
	awk -v way="$2" -v what="$3" '$1 == way { for (i = 2; i < NF; i += 2) if ($i == what) n = $(i + 1) }
		END { print n }' "$T/$1.log"
}

address() { # HOST IFACE ADDRESS/LEN...
	address_host=$1 address_iface=$2
	shift 2
	for each in "$@"; do
		case $each in
		*:*) on "$address_host" ip addr add "$each" dev "$address_iface" nodad ;;
		*) on "$address_host" ip addr add "$each" dev "$address_iface" ;;
		esac
	done
}

# three_hosts [CABLE] - alice, gateway and internet as drawn above, with the internet's addresses;
# `three_hosts impaired_link` for a bad cable from alice to the gateway
three_hosts() {
	host alice gateway internet
	"${1:-link}" alice eth0 gateway access
	link gateway wan internet eth0
	address alice eth0 203.0.113.2/24 2001:db8:a::2/64
	address gateway access 203.0.113.1/24 2001:db8:a::1/64
	address gateway wan 198.51.100.1/24
	address internet eth0 198.51.100.2/24 198.51.100.53/24
	on alice ip route add default via 203.0.113.1
	on alice ip -6 route add default via 2001:db8:a::1
	on gateway ip route add default via 198.51.100.2
	# The host's own traffic knows nothing of the VPN, and neither does anybody's route.
	on gateway sysctl -q -w net.ipv4.ip_forward=0
}

# second_client - bob, who reaches the same endpoint by another network
second_client() {
	host bob
	link bob eth0 gateway access2
	address bob eth0 192.0.2.2/24
	address gateway access2 192.0.2.1/24
	on bob ip route add default via 192.0.2.1
}

# --- the gateway -----------------------------------------------------------------------

CONFIG=$T/gateway/culvert.conf

# gateway_init - a configuration as a user makes it
gateway_init() {
	if [ "$GATEWAY" = culvert ]; then
		on gateway "$CULVERT" init --config "$CONFIG" --endpoint 203.0.113.1:51820 \
			--external wan --address 10.66.77.1/24 >"$T/init.out" 2>&1 </dev/null || {
			cat "$T/init.out"
			return 1
		}
		config_set Dns Upstream 198.51.100.53
	else
		. "$TOOLS/rival.sh"
		rival_init
	fi
}

# config_set SECTION KEY VALUE - replaces the key there, or adds it and its section
config_set() {
	awk -v section="[$1]" -v key="$2" -v value="$3" '
		/^\[/ { here = $0 == section }
		here && $0 ~ "^[# ]*" key " *=" { next }
		{ print }
		$0 == section && !done { print key " = " value; done = 1 }
		END { if (!done) print "\n" section "\n" key " = " value }
	' "$CONFIG" >"$T/config.new" && cat "$T/config.new" >"$CONFIG"
}

# gateway_peer NAME - adds a client; its file becomes $T/NAME.conf
gateway_peer() {
	if [ "$GATEWAY" = culvert ]; then
		(umask 077 && on gateway "$CULVERT" peer add "$1" --config "$CONFIG" >"$T/$1.conf")
	else
		rival_peer "$1"
	fi
}

# gateway_start [PREFIX COMMAND...] - runs it, e.g. under setpriv, and waits until it answers
gateway_start() {
	if [ "$GATEWAY" = culvert ]; then
		[ ! -e "$T/gateway.log" ] || cat "$T/gateway.log" >>"$T/gateway-before.log"
		spawn gateway gateway "$@" "$CULVERT" gateway --config "$CONFIG"
		gateway_pid=$spawned
		wait_for 5 gateway_ready
	else
		rival_start
	fi || {
		failed "the gateway starts within five seconds"
		finish
	}
}

gateway_ready() {
	status_json >/dev/null
}

# gateway_stop [SIGNAL] - and waits for its end; the time that took is in stop_ms
gateway_stop() {
	if [ "$GATEWAY" != culvert ]; then
		rival_stop
		return
	fi
	stop_began=$(now_ms)
	kill "-${1:-TERM}" "$gateway_pid" 2>/dev/null
	wait "$gateway_pid" 2>/dev/null
	gateway_status=$?
	stop_ms=$(($(now_ms) - stop_began))
}

gateway_reload() {
	kill -HUP "$gateway_pid"
}

status_json() {
	on gateway "$CULVERT" status --config "$CONFIG" --json
}

# status PATH - one member of the status, e.g. `status nat.tcp.mappings`; 0 if there is none
status() {
	status_json | /usr/bin/python3 "$TOOLS/status.py" "$1"
}

# gateway_rss_kib - its resident memory
gateway_rss_kib() {
	awk '/^VmRSS/ { print $2 }' "/proc/$gateway_pid/status"
}

# --- clients ---------------------------------------------------------------------------

# client_up HOST [NAME] - brings the client file NAME (default: the host's) up with wg-quick
client_up() {
	client=${2:-$1}
	if [ "$CLIENT" = culvert ]; then
		[ "$client" = "$1" ] || cp "$T/$client.conf" "$T/$1.conf"
		connect "$1" --route-all
		return
	fi
	mkdir -p "$T/bin"
	cat >"$T/bin/resolvconf" <<-'END'
		#!/bin/sh
		# What wg-quick calls for a DNS line; this host has no other name servers.
		case $1 in
		-a) cat >/etc/resolv.conf ;;
		-d) : >/etc/resolv.conf ;;
		esac
	END
	chmod +x "$T/bin/resolvconf"
	cp "$T/$client.conf" "$T/$1/wg0.conf"
	chmod 600 "$T/$1/wg0.conf"
	on "$1" env PATH="$T/bin:$PATH" WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go \
		LOG_LEVEL=error wg-quick up "$T/$1/wg0.conf" >"$T/$1/wg-quick.log" 2>&1 </dev/null || {
		cat "$T/$1/wg-quick.log"
		return 1
	}
}

client_down() {
	[ "$CLIENT" != culvert ] || { despawn "connect-$1" && return; }
	on "$1" env PATH="$T/bin:$PATH" wg-quick down "$T/$1/wg0.conf" >"$T/$1/wg-quick.log" 2>&1
}

# own_etc HOST - an /etc of its own, in which files can be renamed
own_etc() {
	mkdir -p "$T/$1/etc"
	cp -a /etc/. "$T/$1/etc" 2>/dev/null
	rm -f "$T/$1/etc/resolv.conf"*
	echo 'nameserver 198.51.100.53' >"$T/$1/etc/resolv.conf"
	on "$1" mount --bind "$T/$1/etc" /etc
}

# connect HOST [OPTION...] - our own client with the file $T/HOST.conf and the adapter wg0, and waits
# until it can be asked; what it says is in $T/connect-HOST.log.  A test that wants it
# under another program (setpriv, faketime) names that in $CONNECT_UNDER.
connect() {
	connect_host=$1
	shift
	cp "$T/$connect_host.conf" "$T/$connect_host/wg0.conf"
	chmod 600 "$T/$connect_host/wg0.conf"
	# With --route-all it replaces files in /etc.
	[ $# = 0 ] || [ -e "$T/$connect_host/etc" ] || own_etc "$connect_host"
	# shellcheck disable=SC2086 # a program and its arguments
	spawn "connect-$connect_host" "$connect_host" ${CONNECT_UNDER-} \
		"$CULVERT" connect "$@" "$T/$connect_host/wg0.conf"
	wait_for 5 client_status_json "$connect_host"
}

# a_gateway_and_connect [OPTION...] - three hosts, the gateway, and alice connected by our own client;
# without --route-all the test's servers are reached by a route of the test's own
a_gateway_and_connect() {
	three_hosts
	gateway_init || { failed "culvert init makes a configuration" && finish; }
	gateway_peer alice
	gateway_start
	connect alice "$@"
	wait_for 5 on alice ping -c 1 -W 1 10.66.77.1 || {
		failed "our own client reaches 10.66.77.1"
		sed 's/^/# /' "$T/connect-alice.log"
		finish
	}
	case " $* " in
	*' --route-all '* | *' --kill-switch '*) ;;
	*) on alice ip route add 198.51.100.0/24 dev wg0 ;;
	esac
}

client_status_json() {
	on "$1" "$CULVERT" status --config "$T/$1/wg0.conf" --json
}

# client_status HOST PATH - one member of the client's status, as `status` of the gateway's
client_status() {
	client_status_json "$1" | /usr/bin/python3 "$TOOLS/status.py" "$2"
}

# transport HOST - udp or stream
transport() {
	client_status "$1" peers.0.transport
}

# by_transport HOST udp|stream - for wait_for
by_transport() {
	[ "$(transport "$1")" = "$2" ]
}

# a_gateway_and_alice - the usual beginning: three hosts, everything up, alice connected
a_gateway_and_alice() {
	three_hosts
	gateway_init || { failed "culvert init makes a configuration" && finish; }
	gateway_peer alice
	gateway_start
	client_up alice || { failed "wg-quick takes the client's file" && finish; }
	wait_for 5 on alice ping -c 1 -W 1 10.66.77.1 || {
		failed "the client reaches 10.66.77.1"
		finish
	}
}

# and_bob - a second client, before a_gateway_and_alice's gateway knows him
and_bob() {
	second_client
	gateway_peer bob
	gateway_reload_if_running
	client_up bob
	wait_for 5 on bob ping -c 1 -W 1 10.66.77.1 || {
		failed "the second client reaches 10.66.77.1"
		finish
	}
}

gateway_reload_if_running() {
	[ "$GATEWAY" = culvert ] || { rival_reload && return; }
	gateway_reload
}

# --- the internet's services -----------------------------------------------------------

# serve HOST [ADDRESS] - HTTP on 80, HTTPS on 443, echo on TCP and UDP port 7
serve() {
	certificate
	spawn "services-$1" "$1" /usr/bin/python3 "$TOOLS/services.py" "${2:-0.0.0.0}" "$T/tls"
	wait_for 10 grep -q ready "$T/services-$1.log"
}

# certificate - a chain whose handshake flight is larger than several full-size packets
certificate() {
	[ ! -e "$T/tls/chain.pem" ] || return 0
	mkdir -p "$T/tls"
	names=$(seq -f 'DNS:host-with-a-rather-long-name-%g.example.com' -s, 1 80)
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/tls/key.pem" -days 30 \
		-subj "/CN=www.example.com" \
		-addext "subjectAltName=DNS:www.example.com,IP:198.51.100.2,$names" \
		-out "$T/tls/chain.pem" 2>/dev/null
}

# resolver HOST - unbound with example.com at 198.51.100.53, by UDP, TCP and TLS (853)
resolver() {
	certificate
	mkdir -p "$T/$1"
	cat >"$T/$1/unbound.conf" <<-END
		server:
			interface: 198.51.100.53
			interface: 198.51.100.53@853
			tls-port: 853
			tls-service-key: $T/tls/key.pem
			tls-service-pem: $T/tls/chain.pem
			access-control: 0.0.0.0/0 allow
			username: ""
			chroot: ""
			directory: "$T/$1"
			pidfile: "$T/$1/unbound.pid"
			use-syslog: no
			num-threads: 1
			do-ip6: no
			max-udp-size: 4096
			edns-buffer-size: 4096
			module-config: "iterator"
			local-zone: example.com. static
			local-data: "www.example.com. 60 A 198.51.100.2"
			$(seq -f 'local-data: "n%g.example.com. 60 A 198.51.100.2"' 1 120)
			$(seq -f "local-data: \"big.example.com. 60 TXT '%03g-$(printf %0200d 7)'\"" 1 15)
			local-data: "inside.example.com. 60 A 10.66.77.9"
		remote-control:
			control-enable: no
	END
	spawn "resolver-$1" "$1" unbound -d -c "$T/$1/unbound.conf"
	wait_for 10 on "$1" dig +time=1 +tries=1 @198.51.100.53 www.example.com
}

# --- watching --------------------------------------------------------------------------

# capture NAME HOST IFACE FILTER - into $T/NAME.pcap
capture() {
	spawn "$1" "$2" /usr/bin/python3 "$TOOLS/watch.py" capture "$3" "$T/$1.pcap" "$4"
	wait_for 5 grep -q listening "$T/$1.log"
}

# capture_end NAME
capture_end() {
	sleep 0.2
	despawn "$1"
}

# captured NAME [FILTER] - how many packets of it match
captured() {
	/usr/bin/python3 "$TOOLS/watch.py" count "$T/$1.pcap" "${2:-}"
}

# What the gateway's own kernel says to the far side: client packets arrive with a TTL below 64.
KERNEL_ANSWERS='src host 198.51.100.1 and ip[8] == 64 and
	((tcp and tcp[13] & 4 != 0) or (icmp and icmp[0] == 3))'

# host_state HOST - all that a VPN might change on a host, without counters
host_state() {
	on "$1" sh -c '
		echo "# firewall"; iptables-save 2>/dev/null; ip6tables-save 2>/dev/null
		nft list ruleset 2>/dev/null
		echo "# routes"; ip -4 route show table all; ip -6 route show table all
		echo "# rules"; ip -4 rule; ip -6 rule
		echo "# interfaces"; ip -o link; ip -o addr
		tc qdisc show; for i in $(ls /sys/class/net); do tc filter show dev $i ingress; done
		for i in $(ls /sys/class/net); do echo "# ethtool $i"; ethtool -k $i; done
		echo "# sysctl"; sysctl -a -r "^net\." 2>/dev/null
	' | grep -v -e '^# Generated by' -e '^# Completed on' -e 'nf_conntrack_count' \
		-e 'tcp_fastopen_key' -e 'netns_cookie' -e 'valid_lft' -e 'random.*=' | sed 's/ expires [0-9]*sec//'
}

# host_state_without_adapter FILE - leaves out what the adapter's one address implies
host_state_without_adapter() {
	awk '/^# ethtool/ { adapter = /culvert0/ } /^# sysctl/ { adapter = 0 } !adapter' "$1" |
		grep -v -e culvert0 -e '10\.66\.77\.'
}

# --- small helpers for tests ------------------------------------------------------------

# config_add SECTION KEY VALUE - one more line for a key that may repeat
config_add() {
	awk -v section="[$1]" -v line="$2 = $3" '
		{ print }
		$0 == section && !done { print line; done = 1 }
		END { if (!done) print "\n" section "\n" line }
	' "$CONFIG" >"$T/config.new" && cat "$T/config.new" >"$CONFIG"
}

# fetch HOST URL - an HTTP page, quickly or not at all
fetch() {
	on "$1" curl -sS --fail --max-time "${3:-5}" "$2"
}

# sum_of BYTES - the SHA-256 of what /bytes/BYTES serves
sum_of() {
	on internet curl -sS "http://198.51.100.2/bytes/$1" | sha256sum | cut -d ' ' -f 1
}

# download HOST BYTES [SECONDS] - the SHA-256 of what arrives
download() {
	on "$1" curl -sS --fail --max-time "${3:-60}" "http://198.51.100.2/bytes/$2" |
		sha256sum | cut -d ' ' -f 1
}

# drops REASON - the counter of one drop reason
drops() {
	status "drops.$1"
}

# python HOST [ARGUMENT...] - runs the Python program on standard input there
python() {
	cat >"$T/program.py"
	python_host=$1
	shift
	on "$python_host" /usr/bin/python3 "$T/program.py" "$@"
}

# gateway_cpu_us - processor time that the gateway's threads have used, finer than ticks
gateway_cpu_us() {
	cat "/proc/$gateway_pid/task/"*/schedstat | awk '{ ns += $1 } END { print int(ns / 1000) }'
}

# mappings - of all protocols
mappings() {
	echo $(($(status nat.tcp.mappings) + $(status nat.udp.mappings) + $(status nat.icmp.mappings)))
}
