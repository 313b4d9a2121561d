#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# UDP is blocked, and the file knows no stream: within ten seconds our own client says which
# port of whom does not answer, says it once, goes on trying, and is there when it answers.
#
#   alice ==== UDP 51820 (dropped, then refused) ==== gateway
#
# Not disturbed by others.

. "$(dirname "$0")/lib.sh"
needs_culvert
three_hosts
gateway_init || { failed "culvert init makes a configuration" && finish; }
gateway_peer alice
gateway_start
on gateway nft -f - <<'END'
table inet blocked {
	chain in {
		type filter hook prerouting priority -400;
		iifname access meta l4proto udp drop
	}
}
END
connect alice
told() {
	grep -q '203.0.113.1.*51820\|51820.*203.0.113.1' "$T/connect-alice.log" &&
		grep -qi 'udp' "$T/connect-alice.log"
}
check "within ten seconds the log names the address and the UDP port" wait_for 10 told
sed 's/^/# /' "$T/connect-alice.log"
check "and so does status" eval 'client_status alice trouble | grep -q 51820'
sleep 6
check "the log is not filled with it" compare "$(wc -l <"$T/connect-alice.log")" '<' 8
on gateway nft delete table inet blocked
began=$(now_ms)
check "UDP passes: it is there within six seconds" wait_for 6 on alice ping -c 1 -W 1 10.66.77.1
echo "# after $(($(now_ms) - began)) ms"
check "and status has no more trouble" wait_for 2 eval '[ "$(client_status alice trouble)" = 0 ]'
finish
