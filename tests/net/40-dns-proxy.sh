#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# 40-dns-proxy.sh - the DNS proxy against a real resolver, without a tunnel
#
#   dns_driver --- rings --- proxy --- UDP, TCP 127.0.0.1:5301 --- unbound
#   dig -- TCP 127.0.0.1:?? -- '  '--- TLS      127.0.0.1:8853 ---'
#                                 '--- UDP    198.51.100.1:53, a black hole (a veth pair)
#
# Scenarios 1 (100 names at once), 2 (black-holed upstream), 3 (3 KB answers).
# usage: 40-dns-proxy.sh [DNS_DRIVER]
# Without an argument it is the one that was built beside $CULVERT.
#
# Not disturbed by others.

set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
driver=${1:-$(dirname "${CULVERT:-$root/build-test/culvert}")/tests/dns_driver}
if [ ! -x "$driver" ]; then
	echo "skip: $driver is not built: tools/run-tests unit, or name it as the argument"
	exit 77
fi
if [ "${IN_NAMESPACE:-}" = "" ]; then
	unshare -rn true 2>/dev/null || {
		echo "skip: user namespaces are not to be had here"
		exit 77
	}
	IN_NAMESPACE=1 exec unshare -rn "$0" "$(realpath "$driver")"
fi
dir=$(mktemp -d)
unbound_pid=
cleanup() {
	[ -z "$unbound_pid" ] || kill "$unbound_pid" || true
	exec 3>&- || true
	rm -rf "$dir"
}
trap cleanup EXIT

ip link set lo up
ip link add dummy0 type veth peer name dummy1
ip link set dummy1 up
ip address add 198.51.100.77/24 dev dummy0
ip link set dummy0 up
ip neighbour add 198.51.100.1 lladdr 02:00:00:00:00:01 dev dummy0 nud permanent

# A private authority, and a certificate of it for dns.example.test.
cd "$dir"
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
		-subj "/CN=Test Authority" -keyout ca.key -out ca.pem
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-subj "/CN=dns.example.test" -keyout tls.key -out tls.csr
	printf 'subjectAltName=DNS:dns.example.test,IP:127.0.0.1\n' >ext
	openssl x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
		-extfile ext -out tls.pem
} >openssl.log 2>&1

big=$(head -c 240 /dev/zero | tr '\0' x)
{
	cat <<-END
	server:
	  directory: "$dir"
	  username: ""
	  chroot: ""
	  pidfile: "$dir/unbound.pid"
	  use-syslog: no
	  logfile: "$dir/unbound.log"
	  interface: 127.0.0.1@5301
	  interface: 127.0.0.1@8853
	  tls-port: 8853
	  tls-service-key: "$dir/tls.key"
	  tls-service-pem: "$dir/tls.pem"
	  do-ip6: no
	  module-config: "iterator"
	  access-control: 127.0.0.0/8 allow
	  do-not-query-localhost: no
	  local-zone: "test." static
	  local-zone: "example.test." redirect
	  local-data: "example.test. 300 A 192.0.2.1"
	  local-data: "inside.test. 300 A 10.66.77.9"
	END
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		printf '  local-data: '"'"'big.test. 300 TXT "%s%02d"'"'"'\n' "$big" "$i"
	done
} >unbound.conf
unbound -d -c unbound.conf >unbound.out 2>&1 &
unbound_pid=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
	dig +time=1 +tries=1 -p 5301 @127.0.0.1 a.example.test >/dev/null 2>&1 && break
	sleep 0.2
done
printf 'nameserver 198.51.100.1\n' >resolv.conf

fail() {
	printf 'not ok - %s\n' "$1"
	cat out 2>/dev/null || true
	exit 1
}
# run UPSTREAM... : obeys the lines of standard input, output in ./out
run() {
	SSL_CERT_FILE=${ca-$dir/ca.pem} "$driver" "$dir/resolv.conf" "$@" >out 2>err
}
expect() { # expect WHAT PATTERN
	grep -Eq "$2" out || fail "$1"
	printf 'ok - %s\n' "$1"
}

all='ask a.example.test 1 1232
ask a.example.test 1 1232
ask big.test 16 0
ask big.test 16 4096
ask none.test 1 0
ask inside.test 1 0
burst 100
status'
for upstream in udp://127.0.0.1:5301 tcp://127.0.0.1:5301 \
	'tls://127.0.0.1:8853#dns.example.test' tls://127.0.0.1:8853; do
	echo "$all" | run "$upstream"
	expect "$upstream: a name is answered" '^a.example.test rcode=0 tc=0 answers=1 .* ms=[0-9]{1,3}$'
	expect "$upstream: a 3 KB answer is cut for UDP" '^big.test rcode=0 tc=1 answers=0 bytes=26 '
	expect "$upstream: with the OPT record if it was asked for" \
		'^big.test rcode=0 tc=1 answers=0 bytes=37 '
	expect "$upstream: NXDOMAIN comes through" '^none.test rcode=3 '
	expect "$upstream: an answer that points inside is refused" '^inside.test rcode=5 '
	expect "$upstream: 100 names at once are all answered" '^burst answered=100 ms=[0-9]{1,3}$'
	expect "$upstream: the second time out of the cache" '^status queries=106 cached=[1-9]'
	expect "$upstream: nothing failed at the upstream" ' alive=1 queries=[0-9]+ failures=0$'
done

printf 'ask a.example.test 1 0\nburst 100\nask b.example.test 1 0\nstatus\n' |
	run udp://198.51.100.1:53 udp://127.0.0.1:5301
expect 'a black hole is passed by in 0.3 s' '^a.example.test rcode=0 .* ms=3[0-9][0-9]$'
expect '100 names at once beside a black hole' '^burst answered=100 ms=[0-9]{1,3}$'
expect 'the black hole is remembered' '^b.example.test rcode=0 .* ms=[0-9]{1,2}$'
expect 'and status says so' '198.51.100.1:53 alive=0'

printf 'ask a.example.test 1 0\nburst 100\nask b.example.test 1 0\n' |
	run tls://198.51.100.1:853 'tls://127.0.0.1:8853#dns.example.test'
expect 'a black hole by TLS is passed by too' '^a.example.test rcode=0 .* ms=3[0-9][0-9]$'
expect 'and remembered' '^b.example.test rcode=0 .* ms=[0-9]{1,2}$'

echo 'ask a.example.test 1 0' | run udp://198.51.100.1:53
expect 'with nobody to ask the answer is SERVFAIL after 5 s' '^a.example.test rcode=2 .* ms=50[0-9][0-9]$'
echo 'ask a.example.test 1 0' | run udp://127.0.0.1:9
expect 'refused everywhere: SERVFAIL at once' '^a.example.test rcode=2 .* ms=1?[0-9]{1,3}$'

echo 'ask a.example.test 1 0' | run 'tls://127.0.0.1:8853#other.example.test'
expect 'a certificate for another name is not trusted' '^a.example.test rcode=2 '
grep -q 'mismatch' err || fail 'the reason is told'
: >empty.pem
ca=empty.pem
echo 'ask a.example.test 1 0' | run 'tls://127.0.0.1:8853#dns.example.test'
unset ca
expect 'nor one of an unknown authority' '^a.example.test rcode=2 '
echo 'status' | run udp://10.66.77.1:53 || true
expect 'an upstream that is ourselves is refused' 'own tunnel address'

# resolv.conf is followed, and dig asks by TCP.
printf 'ask a.example.test 1 0\n' >in
mkfifo order
SSL_CERT_FILE=ca.pem "$driver" resolv.conf udp://127.0.0.1:5301 <order >out 2>err &
exec 3>order
sleep 0.5
port=$(awk '/^tcp/ { print $2 }' out)
dig +tcp +time=2 +tries=1 -p "$port" @127.0.0.1 big.test TXT >dig.out
grep -q 'ANSWER: 12' dig.out || fail 'TCP clients get 3 KB whole'
printf 'ok - TCP clients get 3 KB whole\n'
dig +tcp +keepopen +time=2 +tries=1 -p "$port" @127.0.0.1 x.example.test y.example.test \
	+dnssec z.example.test >dig.out
[ "$(grep -c 'status: NOERROR' dig.out)" = 3 ] || fail 'several queries on one connection'
printf 'ok - several queries on one connection\n'
dig +tcp +time=2 +tries=1 -p "$port" @127.0.0.1 test AXFR >dig.out 2>&1 || true
grep -Eq 'NOTIMP|failed' dig.out || fail 'a zone transfer is not implemented'
printf 'ok - a zone transfer is not implemented\n'
exec 3>&-
wait $! || true
