#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What happens to names, and to everything else, while resolvers are dead, lie or speak TLS.
#
#   alice ==== WireGuard ==== gateway ---- internet
#                                          198.51.100.53 unbound, also TLS on 853
#                                          198.51.100.54 silent
#
# Not disturbed by others.

. "$(dirname "$0")/lib.sh"
needs_culvert
three_hosts
address internet eth0 198.51.100.54/24
on internet nft add table ip silent
on internet nft add chain ip silent in '{ type filter hook input priority 0; }'
on internet nft add rule ip silent in ip daddr 198.51.100.54 drop
resolver internet
serve internet
gateway_init
config_set Dns Upstream 198.51.100.54
config_add Dns Upstream 198.51.100.53
gateway_peer alice
gateway_start
client_up alice
wait_for 5 on alice ping -c 1 -W 1 10.66.77.1

milliseconds() {
	sed -n 's/.*Query time: \([0-9]*\).*/\1/p' "$1"
}
ask() {
	on alice dig +time=4 +tries=1 @10.66.77.1 "$@"
}
# 150 small connections a second while the first upstream is silent.
spawn ping alice ping -q -i 0.01 -c 300 -W 1 198.51.100.2
ask n1.example.com >"$T/first"
check "with the first upstream dead a name is still resolved" grep -q 'IN.A.198.51.100.2' "$T/first"
check "within two seconds" compare "$(milliseconds "$T/first")" '<' 2000
seq -f 'n%g.example.com' 10 60 | on alice xargs -P 51 -I{} \
	dig +time=4 +tries=1 +short @10.66.77.1 {} >"$T/many"
check "and so are 51 at once" compare "$(grep -c 198.51.100.2 "$T/many")" == 51
ask n2.example.com >"$T/later"
check "later names don't wait for the dead one any more" compare "$(milliseconds "$T/later")" '<' 500

on internet nft add rule ip silent in udp dport 53 drop
on internet nft add rule ip silent in tcp dport 53 drop
ask n3.example.com >"$T/none"
check_not "with all upstreams dead there is no answer" grep -q 'IN.A.198' "$T/none"
check "a name asked before is answered from the cache" \
	same "$(ask +short n2.example.com)" 198.51.100.2
wait "$(cat "$T/ping.spawned")"
check "pings went on all the while" grep -q ' 300 received' "$T/ping.log"
check "and downloads work" fetch alice http://198.51.100.2/

# Answers from elsewhere: the resolver's question is answered by somebody who guesses.
on internet nft flush chain ip silent in
despawn resolver-internet
cat >"$T/liar.py" <<'END'
import socket
ask = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ask.bind(("198.51.100.53", 53))
other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
other.bind(("198.51.100.2", 53))


def answer(query, identifier, address):
    return (identifier + b"\x81\x80" + query[4:6] + b"\0\1\0\0\0\0" + question(query) +
            b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(address))


def question(query):
    end = 12
    while query[end]:
        end += 1 + query[end]
    return query[12:end + 5]


while True:
    query, sender = ask.recvfrom(4096)
    wrong = bytes([query[0] ^ 1, query[1]])
    ask.sendto(answer(query, wrong, "192.0.2.66"), sender)
    other.sendto(answer(query, query[:2], "192.0.2.66"), sender)
    ask.sendto(answer(query, query[:2], "198.51.100.77"), sender)
END
spawn liar internet /usr/bin/python3 "$T/liar.py"
config_set Dns Upstream 198.51.100.53
gateway_reload
sleep 0.5
check "answers with another id or from another source are ignored" \
	same "$(ask +short new.example.com)" 198.51.100.77
despawn liar

check "the resolver is back" resolver internet
config_set Dns Upstream 'tls://198.51.100.53#www.example.com'
gateway_stop
capture plain internet eth0 'port 53'
gateway_start env SSL_CERT_FILE="$T/tls/chain.pem"
wait_for 20 on alice ping -c 1 -W 1 10.66.77.1
resolves() {
	[ "$(ask +short "$1")" = 198.51.100.2 ]
}
check "a name is resolved by DNS over TLS" wait_for 5 resolves n4.example.com
capture_end plain
check "and nothing is asked in the clear" compare "$(captured plain)" == 0

config_set Dns Upstream 'tls://198.51.100.53#not.this.name.test'
gateway_reload
sleep 0.5
check_not "a certificate of another name is not believed" resolves n5.example.com
finish
