#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# 10,000 datagrams of noise a second to the tunnel's port for two minutes: memory stays
# where it is, the log is short, and clients notice nothing.
#
#   alice (downloads, pings) ==== WireGuard ====\\
#                                                 gateway ---- internet
#   bob (sends noise) --------------------------//
. "$(dirname "$0")/../net/lib.sh"
needs_culvert
a_gateway_and_alice
second_client
serve internet

seconds=120
spawn noise bob /usr/bin/python3 "$HERE/noise.py" 203.0.113.1 10000 $seconds
# Whatever the gateway sets aside for strangers is there after ten seconds.
sleep 10
rss_before=$(gateway_rss_kib)
cpu=$(gateway_cpu_us)
on alice ping -q -i 0.1 -c 1000 -W 1 198.51.100.2 >"$T/pings" &
pings=$!
pages=0
for _ in $(seq 90); do
	! fetch alice http://198.51.100.2/ 2 >/dev/null || pages=$((pages + 1))
	sleep 1
done
wait $pings
check "a download is whole" same "$(download alice 10000000 20)" "$(sum_of 10000000)"
cpu=$(($(gateway_cpu_us) - cpu))
grown=$(($(gateway_rss_kib) - rss_before))
wait "$(cat "$T/noise.spawned")"
echo "# $(cat "$T/noise.log") datagrams of noise; $grown KiB more memory; $cpu us of processor time"
echo "# $(grep received "$T/pings"); $(grep rtt "$T/pings"); $(wc -l <"$T/gateway.log") lines of log"
check "there was noise" compare "$(cat "$T/noise.log")" '>' $((seconds * 5000))
check "the noise is counted" compare "$(status sum:drops)" '>' $((seconds * 5000))
check "all of 90 new connections succeed" same $pages 90
check "at most five of 1000 pings are lost" \
	compare "$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$T/pings")" '>=' 995
check "memory grows by less than 1 MB" compare "$grown" '<' 1024
check "the log stays short" compare "$(wc -l <"$T/gateway.log")" '<' 30
finish
