#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# An existing wg0.conf works as it is: its PostUp lines are named and not run.
#
#   alice ==== WireGuard ==== gateway (wg0.conf) ---- internet
. "$(dirname "$0")/lib.sh"
needs_culvert
three_hosts
serve internet
server_key=$(wg genkey) client_key=$(wg genkey) shared=$(wg genpsk)
CONFIG=$T/gateway/wg0.conf
cat >"$CONFIG" <<END
[Interface]
Address = 10.66.77.1/24
SaveConfig = false
PostUp = iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE; touch $T/postup-ran
PostDown = touch $T/postdown-ran
ListenPort = 51820
PrivateKey = $server_key

[Peer]
# alice's laptop
PublicKey = $(echo "$client_key" | wg pubkey)
PresharedKey = $shared
AllowedIPs = 10.66.77.2/32
END
chmod 600 "$CONFIG"
cat >"$T/alice.conf" <<END
[Interface]
PrivateKey = $client_key
Address = 10.66.77.2/32
[Peer]
PublicKey = $(echo "$server_key" | wg pubkey)
PresharedKey = $shared
AllowedIPs = 0.0.0.0/0
Endpoint = 203.0.113.1:51820
END
gateway_start
client_up alice
check "the client connects" wait_for 5 on alice ping -c 1 -W 1 198.51.100.2
check "and fetches a page" fetch alice http://198.51.100.2/
check "the log names PostUp" grep -q 'wg0.conf:4.*PostUp' "$T/gateway.log"
gateway_stop
check "nothing of it was run" not ls "$T/postup-ran" "$T/postdown-ran"
on gateway iptables-save >"$T/rules"
check "no rule was made" not grep -q MASQUERADE "$T/rules"
finish
