#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Private networks and the cloud's metadata service are refused unless [Policy] opens
# them, at once and with a reason that is counted; a line in the file and SIGHUP open one.
#
#   alice ==== WireGuard ==== gateway ---- internet
#                                          also 192.168.1.1, 10.1.2.3, 169.254.169.254, ...
. "$(dirname "$0")/lib.sh"
needs_culvert
three_hosts
forbidden="192.168.1.1 172.20.0.1 10.1.2.3 100.64.1.1 169.254.169.254 169.254.7.7
	100.100.100.200 168.63.129.16"
for each in $forbidden; do
	address internet eth0 "$each/32"
done
serve internet
gateway_init
gateway_peer alice
gateway_start
client_up alice
wait_for 5 on alice ping -c 1 -W 1 10.66.77.1

capture out internet eth0 'ip and not host 198.51.100.2'
for each in $forbidden; do
	began=$(now_ms)
	check_not "$each is refused" fetch alice "http://$each/" 2
	check "at once" compare "$(now_ms) - $began" '<' 500
done
capture_end out
check "and nothing of it has left the gateway" compare "$(captured out)" == 0
check "private networks are counted" compare "$(drops ROUTE_PRIVATE)" '>=' 4
check "link-local and metadata addresses are counted" \
	compare "$(drops ROUTE_LINK_LOCAL) + $(drops ROUTE_METADATA)" '>=' 4

config_add Policy Allow 192.168.0.0/16
gateway_reload
check "one line opens a private network" wait_for 3 fetch alice http://192.168.1.1/
check_not "and no other" fetch alice http://10.1.2.3/ 1
config_add Policy Deny 198.51.100.53/32
gateway_reload
check "another line closes a public address" \
	wait_for 3 not fetch alice http://198.51.100.53/ 1
check "which is counted" compare "$(drops ROUTE_POLICY)" '>' 0
check "the rest of the internet is open" fetch alice http://198.51.100.2/

cp "$CONFIG" "$T/good.conf"
echo 'Nonsense = 1' >>"$CONFIG"
gateway_reload
sleep 0.5
check "a reload of a broken file is refused and changes nothing" \
	fetch alice http://192.168.1.1/
check "the log names file and line" grep -q "culvert.conf:[0-9]*: " "$T/gateway.log"
cat "$T/good.conf" >"$CONFIG"
finish
