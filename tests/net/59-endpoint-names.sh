#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The endpoint is a name.  Nobody may be there to ask at the start; it may lead elsewhere later, after
# the gateway has moved: the client asks again by itself, and packets don't wait for the answer.
#
#   alice (asks her hosts file, and a name server that is not there) ==== gateway
#
# Not disturbed by others.

. "$(dirname "$0")/lib.sh"
needs_culvert
three_hosts
gateway_init || { failed "culvert init makes a configuration" && finish; }
gateway_peer alice
sed -i 's/^Endpoint.*/Endpoint = vpn.example.com:51820/' "$T/alice.conf"
gateway_start
vpn_is() { # ADDRESS
	echo "127.0.0.1 localhost
$1 vpn.example.com" >"$T/alice/hosts"
}
pong() {
	on alice ping -c 1 -W 1 10.66.77.1
}
log=$T/connect-alice.log

connect alice
check "without a name server it starts, and says what it waits for" wait_for 5 \
	grep -q 'no name server tells the address of vpn.example.com' "$log"
check "it runs" kill -0 "$(cat "$T/connect-alice.spawned")"
vpn_is 203.0.113.1
began=$(now_ms)
check "once the name is known, it connects by itself" wait_for 8 pong
echo "# after $(($(now_ms) - began)) ms"
despawn connect-alice

# The name leads to a place where nobody is, until it is corrected.
vpn_is 203.0.113.99
connect alice
vpn_is 203.0.113.1
began=$(now_ms)
check "a name that leads elsewhere by now is looked up again" wait_for 22 pong
echo "# after $(($(now_ms) - began)) ms"
check "and the log says where" grep -q 'vpn.example.com is at 203.0.113.1:51820 now' "$log"
check "it has stayed the same process" \
	same "$(client_status alice pid)" "$(cat "$T/connect-alice.spawned")"
despawn connect-alice

# With --route-all names are asked for in the tunnel, but not this one: it would wait for itself.
name_server() { # ADDRESS
	[ ! -e "$T/names.spawned" ] || despawn names
	cat >"$T/names.conf" <<-END
		server:
			interface: 203.0.113.1
			access-control: 0.0.0.0/0 allow
			username: ""
			chroot: ""
			pidfile: ""
			use-syslog: no
			module-config: "iterator"
			local-zone: example.com. static
			local-data: "vpn.example.com. 1 A $1"
		remote-control:
			control-enable: no
	END
	spawn names gateway unbound -d -c "$T/names.conf"
	wait_for 5 on gateway dig +time=1 +tries=1 @203.0.113.1 vpn.example.com
}
far() {
	on alice ping -c 1 -W 1 198.51.100.2
}
rules() {
	on alice ip rule | wc -l
}
rm "$T/alice/hosts"
own_etc alice
echo 'nameserver 203.0.113.1' >"$T/alice/etc/resolv.conf"
echo 'hosts: files dns' >"$T/alice/etc/nsswitch.conf"
before=$(rules)
connect alice --route-all
check "--route-all: without a name server it starts, and says what it waits for" wait_for 5 \
	grep -q 'no name server tells the address of vpn.example.com' "$log"
check "traffic is left alone until it knows" same "$(rules)" "$before"
name_server 203.0.113.1
check "once there is one, it connects by itself" wait_for 12 far
check "and all traffic goes by it" compare "$(rules)" '>' "$before"
despawn connect-alice
name_server 203.0.113.99
connect alice --route-all
check "the name leads to nobody: all traffic waits there" compare "$(rules)" '>' "$before"
name_server 203.0.113.1
check "it is looked up again outside, and leads to the gateway" wait_for 30 far
check "the log says where" grep -q 'vpn.example.com is at 203.0.113.1:51820 now' "$log"
check "nobody gets to the name server outside any more" \
	same "$(on alice ip rule | grep -c 'dport 53 ')" 0
despawn connect-alice

despawn names
on alice timeout 20 "$CULVERT" connect --kill-switch "$T/alice/wg0.conf" 2>"$T/refused.log"
check "behind a kill switch no name can be asked for: it does not begin" same $? 1
check "and says so" grep -q 'behind the kill switch none could be asked' "$T/refused.log"
check_not "nothing is blocked" on alice nft list table inet culvert_wg0
finish
