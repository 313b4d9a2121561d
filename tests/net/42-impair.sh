#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The tests' own bad cable is as bad as it is told to be: without the VPN, delay and
# jitter are what ping measures, loss is what statistics expect, the rate is what TCP gets, and
# UDP to a port vanishes while it shall.
#
#   alice ---- impair.c: delay, loss, rate ---- gateway
. "$(dirname "$0")/lib.sh"
host alice gateway
impaired_link alice eth0 gateway access "both delay 100"
address alice eth0 203.0.113.2/24 2001:db8:a::2/64
address gateway access 203.0.113.1/24 2001:db8:a::1/64
cable=alice-gateway

# rtt TO - least, mean and greatest of thirty round trips, ms
rtt() {
	on alice ping -n -c 30 -i 0.02 -W 2 "$1" >"$T/ping"
	sed -n 's|^rtt.* = \([0-9.]*\)/\([0-9.]*\)/\([0-9.]*\)/.*|\1 \2 \3|p' "$T/ping"
}

# between LEAST VALUE MOST
between() {
	compare "$2" '>=' "$1" && compare "$2" '<=' "$3"
}

for to in 203.0.113.1 2001:db8:a::1; do
	on alice ping -c 1 -W 2 $to >/dev/null
	# shellcheck disable=SC2046 # three words
	set -- $(rtt $to)
	echo "# $to: rtt min $1, mean $2, max $3 ms"
	check "no round trip to $to is shorter than 200 ms" between 200 "$1" 200.5
	check "and they take half a millisecond more on average" between 200 "$2" 200.8
done

impair $cable "both delay 10"
impair $cable "up jitter 20"
# shellcheck disable=SC2046
set -- $(rtt 203.0.113.1)
echo "# jitter of 20 ms: rtt min $1, mean $2, max $3 ms"
check "jitter comes on top of the delay, and not before it" between 20 "$1" 28
check "up to what it was told" between 32 "$3" 41
check "the order stays" same "$(sed -n 's/.*icmp_seq=\([0-9]*\).*/\1/p' "$T/ping")" "$(seq 30)"
impair $cable "up jitter 0"
impair $cable "both delay 0"

# Four standard deviations of 1500 trials at 3 % each way are 2.4 %.
impair $cable "both loss 3"
on alice ping -q -f -l 20 -c 1500 -i 0.001 -W 1 203.0.113.1 >"$T/ping"
lost=$(sed -n 's/.* \([0-9.]*\)% packet loss.*/\1/p' "$T/ping")
echo "# 3 % loss each way: $lost % of pings lost"
check "3 % loss each way is 5.9 % of round trips" between 3.5 "$lost" 8.3
check "the count agrees" compare "$(impair_count $cable up lost) + $(impair_count $cable down lost)" \
	== "$(sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1 - \2/p' "$T/ping")"
impair $cable "both loss 0"

spawn iperf gateway iperf3 -s --forceflush
wait_for 5 grep -q listening "$T/iperf.log"
# throughput ARGUMENT... - Mbit/s at the receiver
throughput() {
	on alice iperf3 -c 203.0.113.1 --json "$@" >"$T/iperf.json"
	/usr/bin/python3 -c '
import json, sys
print(json.load(open(sys.argv[1]))["end"]["sum_received"]["bits_per_second"] / 1e6)' "$T/iperf.json"
}
impair $cable "both delay 10"
impair $cable "up queue 20"
impair $cable "up rate 20"
mbit=$(throughput -t 2 -w 256K)
echo "# 20 Mbit/s up: TCP gets $mbit"
# Of each frame of 1514 bytes, 1448 are payload: 19.1.
check "TCP gets what a slow line carries" between 15 "$mbit" 19.2
check "what had no room there is dropped" compare "$(impair_count $cable up full)" '>' 0
impair $cable "up rate 0"
impair $cable "both delay 0"
mbit=$(throughput -t 2 -R)
echo "# as fast as can be: $mbit Mbit/s"
check "an unlimited one carries 300 Mbit/s" compare "$mbit" '>=' 300
check "and has lost nothing for lack of time" compare "$(impair_count $cable down overrun)" == 0

# 1 % at 40 ms: Mathis's formula for one loss in 100 of 1448 bytes says 3.5 Mbit/s.
impair $cable "both delay 20"
impair $cable "up loss 1"
mbit=$(throughput -C reno -t 3)
echo "# 40 ms, 1 % loss: $mbit Mbit/s"
check "loss slows TCP down as it does on the internet" between 1.5 "$mbit" 9
impair $cable "up loss 0"

serve gateway
said() {
	echo hello | on alice socat -t 0.3 - UDP4:203.0.113.1:7 | grep -q hello
}
check "UDP to a port passes" said
impair $cable "up drop-udp 7"
check_not "and vanishes once it shall" said
check "which TCP does not notice" fetch alice http://203.0.113.1/
impair $cable "up drop-udp 0"
check "until it may pass again" said
finish
