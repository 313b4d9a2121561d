#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Clients come and go while the gateway runs, and nobody else's flows notice.
#
#   alice (downloads) ==\\
#                          gateway ---- internet
#   bob (added, removed) ==//
#
# Not disturbed by others.

. "$(dirname "$0")/lib.sh"
needs_culvert
a_gateway_and_alice
second_client
serve internet
want=$(sum_of 100000000)
on alice curl -sS --max-time 40 http://198.51.100.2/slow/100000000 | sha256sum |
	cut -d ' ' -f 1 >"$T/got" &
download=$!
sleep 0.5

gateway_peer bob
client_up bob
check "a client that was just added connects" wait_for 6 on bob ping -c 1 -W 1 198.51.100.2
check "and fetches a page" fetch bob http://198.51.100.2/
check "status lists both" compare "$(status_json | grep -o '"name"' | wc -l)" == 2
on gateway "$CULVERT" peer remove bob --config "$CONFIG" >/dev/null 2>&1
check "a client that was removed is cut off" wait_for 3 not on bob ping -c 1 -W 1 198.51.100.2
check "and stays so" not fetch bob http://198.51.100.2/ 2
check "the file does not know it any more" not grep -q 'Name = bob' "$CONFIG"
gateway_peer carol
kill -0 $download 2>/dev/null || echo "# the download ended early"
wait $download
check "the other's download never noticed" same "$(cat "$T/got")" "$want"
finish
