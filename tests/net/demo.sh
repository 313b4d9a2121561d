#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# demo.sh - Culvert at work on this machine, without root where user namespaces are allowed
#
# Three hosts in namespaces of their own: a client, the gateway and an internet.  What a
# user would do is done, and the gateway host is compared before and after.  Nothing
# of it is left behind.
. "$(dirname "$0")/lib.sh"

bold='' plain=''
[ ! -t 1 ] || bold=$(printf '\033[1m') plain=$(printf '\033[0m')

say() {
	printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

# show HOST COMMAND... - prints the command as typed there, and what it says
show() {
	show_host=$1
	shift
	printf '  %s$ %s\n' "$show_host" "$*"
	on "$show_host" "$@" 2>&1 | sed 's/^/      /'
}

cat <<'END'
Three hosts on this machine, each in a network namespace:

   alice                            gateway                           internet
   203.0.113.2 -------------------- 203.0.113.1
   10.66.77.2  ==== WireGuard ===== 10.66.77.1
   Debian's wg-quick                culvert
                                    198.51.100.1 -------------------- 198.51.100.2
                                    ip_forward = 0,                   web, DNS, iperf3;
                                    no firewall rules                 no route to 10.66.77.0/24
END
three_hosts
serve internet
resolver internet
spawn iperf internet iperf3 -s
host_state gateway >"$T/before"

say "The gateway: a configuration, a client, and it runs"
gateway_init
gateway_peer alice 2>/dev/null
echo "  culvert init --endpoint 203.0.113.1:51820 --external wan"
echo "  culvert peer add alice > alice.conf"
sed -e 's/\(PrivateKey\|PresharedKey\) = .*/\1 = (hidden)/' -e 's/^/      /' "$T/alice.conf"
echo "  culvert gateway"
gateway_start
sed 's/^/      /' "$T/gateway.log"

say "The client: stock WireGuard with that file"
client_up alice
wait_for 5 on alice ping -c 1 -W 1 10.66.77.1
echo "  alice\$ wg-quick up ./alice.conf"
show alice ping -c 3 -i 0.2 198.51.100.2
show alice dig +noall +answer @10.66.77.1 www.example.com
show alice curl -sS --cacert "$T/tls/chain.pem" https://www.example.com/
echo "      (the web server's answer is the address and port that it sees)"
show alice traceroute -n -q 1 198.51.100.2
printf '  alice$ iperf3 -c 198.51.100.2 -R -t 3\n'
on alice iperf3 -c 198.51.100.2 -R -t 3 | grep receiver | sed 's/^/      /'
printf '  alice$ iperf3 -c 198.51.100.2 -t 3\n'
on alice iperf3 -c 198.51.100.2 -t 3 | grep receiver | sed 's/^/      /'
show alice curl -sS -6 --max-time 3 'http://[2001:db8:b::2]/'
echo "      (IPv6 is refused inside the tunnel at once, so that nothing leaks and nothing waits)"

say "What the gateway says of itself"
show gateway "$CULVERT" status --config "$CONFIG"

say "The gateway host: firewall, routes, rules, sysctls and offloads, before and while it runs"
host_state gateway >"$T/during"
diff "$T/before" "$T/during" | grep '^[<>]' | grep -v -e 'sysctl' -e 'net\.' |
	grep -v 'ethtool' | sed 's/^/      /' | grep -e culvert0 -e '10\.66\.77' | head -n 6
host_state_without_adapter "$T/before" >"$T/before.without"
host_state_without_adapter "$T/during" >"$T/during.without"
if diff "$T/before.without" "$T/during.without" >"$T/difference"; then
	echo "  Apart from the adapter and the one route of its address: $(wc -l <"$T/before.without") lines, no difference."
else
	sed 's/^/  DIFFERENT: /' "$T/difference"
fi

say "kill -9, and the host again"
gateway_stop KILL
host_state gateway >"$T/after"
if diff "$T/before" "$T/after" >"$T/difference"; then
	echo "  $(wc -l <"$T/before") lines, no difference: nothing was left behind."
else
	sed 's/^/  DIFFERENT: /' "$T/difference"
	exit 1
fi
