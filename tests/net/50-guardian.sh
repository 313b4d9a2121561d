#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What --route-all does to a host and that it is undone however the client ends; what leaves the
# host meanwhile.  The client is tests/net/guardian_driver.c: an adapter that nobody reads, and the
# guardian.
#
#   alice: eth0 203.0.113.2 ------- 203.0.113.1 access: gateway, where all that leaves is seen
#          home 10.66.77.2 (the adapter)
# shellcheck disable=SC2086 # $PLAN is words
#
# Not disturbed by others.

. "$(dirname "$0")/lib.sh"
needs_culvert
DRIVER=${CULVERT%/*}/tests/guardian_driver
[ -x "$DRIVER" ] || skip "$DRIVER is not built"
three_hosts
. "$TOOLS/guardian.sh"
own_etc alice
host_state alice >"$T/before"
etc_state alice >"$T/etc-before"

as_before() {
	host_state alice >"$T/after"
	etc_state alice >"$T/etc-after"
	diff "$T/before" "$T/after" && diff "$T/etc-before" "$T/etc-after"
}

# --- in force ----------------------------------------------------------------------------
PLAN='endpoint udp 203.0.113.1 51820 endpoint tcp 203.0.113.1 443
	endpoint udp 2001:db8:a::1 51820 exclude 203.0.113.128/25 exclude 2001:db8:a:f::/64
	dns 10.66.77.1 search example.com route-all'
client_starts() {
	spawn client alice "$DRIVER" home $PLAN "$@" wait
	wait_for 5 grep -q . "$T/client.log"
	cat "$T/client.log"
	grep -q ready "$T/client.log"
}
goes_by() { # INTERFACE WHAT...
	goes_by=$1
	shift
	on alice ip route get "$@" >"$T/route" 2>&1
	cat "$T/route"
	grep -q " dev $goes_by " "$T/route"
}
refused() {
	on alice ip route get "$@" 2>&1 | grep -q unreachable
}
link_local_is_back() {
	on alice ip -6 route show table local | grep -q '^local fe80'
}
check "all is routed" client_starts new adapter apply
check "the internet is behind the adapter" goes_by home 198.51.100.2
check "so is the local network" goes_by home 203.0.113.7
check "so is IPv6" goes_by home 2001:db8:ffff::1
check "the tunnel's UDP is not" goes_by eth0 203.0.113.1 ipproto udp dport 51820
check "nor its TCP" goes_by eth0 203.0.113.1 ipproto tcp dport 443
check "nor its IPv6" goes_by eth0 2001:db8:a::1 ipproto udp dport 51820
check "another port of the endpoint is" goes_by home 203.0.113.1 ipproto tcp dport 80
check "what is excluded is not" goes_by eth0 203.0.113.200
check "the host's own addresses stay its own" on alice ping -c 1 -W 1 203.0.113.2
check "a link-local neighbour answers" on alice ping -c 1 -W 1 \
	"$(on gateway ip -6 -o addr show dev access scope link | awk '{ sub("/.*", "", $4); print $4 }')%eth0"
check "strict reverse path checks let the tunnel's packets in" endpoint_answers
check "names are asked for in the tunnel" on alice grep -qx 'nameserver 10.66.77.1' /etc/resolv.conf
check "a second one is refused, and the sentence names the first" \
	complains 'already goes through home: end that first (culvert disconnect home)' \
	other $PLAN address 10.66.78.2/24 new adapter apply
check "its death has touched nothing" goes_by home 198.51.100.2

# A host that has lost its own routes must not send the tunnel into the tunnel.
on alice ip link set eth0 down
check "without another route the tunnel's own packets are refused" \
	refused 203.0.113.1 ipproto udp dport 51820
check "by IPv6 too" refused 2001:db8:a::1 ipproto udp dport 51820
check "so is what is excluded" refused 203.0.113.200
on alice ip link set eth0 up
on alice ip route add default via 203.0.113.1
check "another network's gateway is accepted" same "$(on alice ip route show default)" \
	"default via 203.0.113.1 dev eth0 "
address alice eth0 2001:db8:a::2/64
check "so is one by IPv6" on alice ip -6 route add default via 2001:db8:a::1
wait_for 5 link_local_is_back

# --- however it ends ---------------------------------------------------------------------
despawn client
check "SIGTERM: the host is as before" as_before

check "again" client_starts new adapter apply
kill -INT "$(guardian)"; kill -TERM "$(guardian)"; kill -HUP "$(guardian)"
check "signals don't end the guardian" sh -c "sleep 0.1; kill -0 $(guardian)"
client_dies
check "kill -9 of the client: the host is as before" wait_for 3 as_before

check "once more" client_starts new adapter apply
guardian_dies
despawn client
check "a client whose guardian was killed says what undoes the rest" \
	grep -q 'was killed: run culvert disconnect' "$T/client.log"
check "once more" client_starts new adapter apply
guardian_dies
client_dies
check "kill -9 of both: rules and resolv.conf are left" leftovers
check "the next start undoes them" on alice "$DRIVER" other new free
check "and the host is as before" as_before
check "a third time" client_starts new adapter apply
guardian_dies
client_dies
check "culvert disconnect undoes rules and resolv.conf" same "$(on alice "$DRIVER" x disconnect home)" 2
check "and finds nothing the second time" same "$(on alice "$DRIVER" x disconnect all)" 0
check "and the host is as before again" as_before
check "a fourth time" client_starts new adapter apply
guardian_dies
client_dies
check "what another adapter left is not undone by its name" \
	same "$(on alice "$DRIVER" x disconnect other)" 0
check "a new one comes in its place" client_starts new adapter apply
check "with one set of rules" same "$(on alice ip -4 rule | grep -c 'proto 67')" 9
check "while it lives it can't be undone over its head" \
	complains 'home is still connected: end its client first' x disconnect all
despawn client
check "and the host is as before after all" as_before

check "a fifth time" client_starts new adapter apply
guardian_dies
client_dies
on alice sh -c 'ip rule flush protocol 67; ip -6 rule flush protocol 67; ip route flush table 51866
	ip -6 route flush table 51866; rm /run/culvert/*'
check "after a power cut the next start puts resolv.conf back" on alice "$DRIVER" other new free
check "and the host is as before" as_before

# --- steps that fail ---------------------------------------------------------------------
on alice mount -o remount,bind,ro /etc
check "a read-only /etc is a sentence" \
	complains '/etc/resolv.conf: Read-only file system: make it writable, or take DNS out' \
	home $PLAN new adapter apply
on alice mount -o remount,bind,rw /etc
check "and nothing is half done" as_before
check "without the right to, neither" complains 'ip route: Operation not permitted: run it as root' \
	--without-rights eth0 $PLAN new apply
check "an adapter that is gone is a sentence" complains 'ip route: No such device' home $PLAN new apply
check "and nothing is half done again" as_before

# --- who else writes resolv.conf ---------------------------------------------------------
check "all is routed while somebody rewrites resolv.conf" client_starts new adapter apply
on alice sh -c 'echo nameserver 192.0.2.99 >/etc/resolv.conf'
despawn client
check "then it is theirs" on alice grep -qx 'nameserver 192.0.2.99' /etc/resolv.conf
check "which is said" grep -q 'rewritten by somebody else' "$T/client.log"
on alice sh -c ': >/etc/resolv.conf'

# --- systemd-resolved ------------------------------------------------------------------------
mkdir -p /run/systemd/resolve "$T/bin"
: >/run/systemd/resolve/io.systemd.Resolve
# shellcheck disable=SC2016 # expanded where it runs
printf '%s\n' '#!/bin/sh' 'echo "$*" >>"${0%/bin/*}/resolvectl.log"' \
	'[ ! -e "${0%/*}/fail" ] || { echo "Failed: Connection timed out" >&2; exit 1; }' \
	>"$T/bin/resolvectl"
chmod +x "$T/bin/resolvectl"
own_path=$PATH
PATH=$T/bin:$PATH
on alice sh -c 'echo nameserver 127.0.0.53 >/etc/resolv.conf'
etc_state alice >"$T/etc-before"
check "all is routed where systemd-resolved runs" client_starts new adapter apply
check "it is told whom to ask, and for what" same "$(cat "$T/resolvectl.log")" \
	"dns home 10.66.77.1
domain home ~. example.com
default-route home yes"
check "resolv.conf, which leads to its stub, stays" \
	same "$(on alice cat /etc/resolv.conf)" 'nameserver 127.0.0.53'
despawn client
check "the settings are taken back" grep -qx 'revert home' "$T/resolvectl.log"
: >"$T/bin/fail"
check "its refusal is a sentence" \
	complains 'systemd-resolved: resolvectl dns: Failed: Connection timed out' home $PLAN new adapter apply
check "and the host is as before" as_before
on alice sh -c 'echo nameserver 192.0.2.1 >/etc/resolv.conf'
rm "$T/bin/fail"
check "where resolv.conf leads elsewhere" client_starts new adapter apply
check "it is replaced as well" on alice grep -qx 'nameserver 10.66.77.1' /etc/resolv.conf
despawn client
rm -r /run/systemd
PATH=$own_path

# --- between the adapter's death and the undoing -------------------------------------------
on alice sysctl -q -w net.ipv4.conf.eth0.rp_filter=1
noise_maker alice
check "all is routed for the last time" client_starts new adapter apply
check "that a strict check may stall the tunnel is said, with the cure" \
	grep -q 'sysctl -w net.ipv4.conf.eth0.rp_filter=2' "$T/client.log"
kill -STOP "$(guardian)"
client_dies
check_not "the adapter is gone" on alice ip link show dev home
capture gap gateway access "$NOISE"
noise alice 5
capture_end gap
# The link's own broadcast and IPv6 multicast are in table local, which comes before any rule.
check "nothing leaks before the guardian has come to it" \
	same "$(captured gap 'not dst host 203.0.113.255 and not (ip6 and ip6[24] = 0xff)')" 0
capture bound gateway access "$NOISE"
noise alice 5 eth0
capture_end bound
check "of what is bound to another device nothing goes further than its link" \
	same "$(captured bound '(ip6 and ip6[24] != 0xff) or dst net 198.51.100.0/24')" 0
kill -CONT "$(guardian)"
check "then the host speaks again" wait_for 3 goes_by eth0 198.51.100.2
capture after gateway access "$NOISE"
noise alice 5
capture_end after
check "which the capture does see" compare "$(captured after)" '>=' 40

# --- a host without IPv6 -------------------------------------------------------------------
on alice sysctl -q -w net.ipv4.conf.eth0.rp_filter=0
on alice sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
check "without IPv6 all is routed" client_starts new adapter apply
check "by IPv4" goes_by home 198.51.100.2
despawn client
check "and the guardian has nothing to complain of" same "$(cat "$T/client.log")" ready
finish
