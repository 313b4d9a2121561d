#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# wg(8) on the gateway host shows the clients and adds and removes one, as with any
# WireGuard implementation.
#
#   alice ==== WireGuard ==== gateway (wg show, wg set) ---- internet
. "$(dirname "$0")/../net/lib.sh"
needs_culvert
a_gateway_and_alice
second_client
interface=$(on gateway wg show interfaces)
check "wg knows an interface" compare "$(echo "$interface" | wc -w)" == 1
on gateway wg show "$interface" dump >"$T/dump"
check "and its port" same "$(awk 'NR == 1 { print $3 }' "$T/dump")" 51820
check "and a client with its address" grep -q '10.66.77.2/32' "$T/dump"
check "who has been heard" compare "$(awk 'NR == 2 { print $5 }' "$T/dump")" '>' 0
check "and has sent something" compare "$(awk 'NR == 2 { print $6 }' "$T/dump")" '>' 0

key=$(wg genkey)
public=$(echo "$key" | wg pubkey)
check "wg set adds a client" \
	on gateway wg set "$interface" peer "$public" allowed-ips 10.66.77.9/32
sed -e '/^PresharedKey/d' -e "s|^PrivateKey = .*|PrivateKey = $key|" \
	-e 's|^Address = .*|Address = 10.66.77.9/32|' "$T/alice.conf" >"$T/bob.conf"
client_up bob
check "who connects" wait_for 5 on bob ping -c 1 -W 1 198.51.100.2
check "wg set removes it" on gateway wg set "$interface" peer "$public" remove
check "and it is cut off" wait_for 3 not on bob ping -c 1 -W 1 198.51.100.2
check "the first client never noticed" on alice ping -c 1 -W 1 198.51.100.2
finish
