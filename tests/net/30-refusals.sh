#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Where the gateway can't run it says so at once, in one sentence with the thing's name.
#
#   gateway ---- internet
. "$(dirname "$0")/lib.sh"
needs_culvert
three_hosts
gateway_init
gateway_peer alice

# refused SENTENCE WORD COMMAND... - it exits within 3 s, not with success, and says WORD
refused() {
	sentence=$1 word=$2
	shift 2
	on gateway timeout 3 "$@" >"$T/refused" 2>&1
	refusal=$?
	check "$sentence: refused at once" compare "$refusal" '<' 124
	check "$sentence: not a success" compare "$refusal" '>' 0
	check "$sentence: the message names $word" grep -q -i -e "$word" "$T/refused"
	sed 's/^/# /' "$T/refused"
}
run="$CULVERT gateway --config $CONFIG"

gateway_start
# shellcheck disable=SC2086 # a command with its arguments
refused "a second gateway with the same file" 'already\|51820\|in use' $run
check "the first one is unharmed" gateway_ready
gateway_stop

spawn squatter gateway /usr/bin/python3 -c '
import socket, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("0.0.0.0", 51820))
time.sleep(30)'
sleep 0.3
# shellcheck disable=SC2086
refused "a port that another program has" 51820 $run
despawn squatter

# shellcheck disable=SC2086
refused "no capability at all" CAP_NET_RAW setpriv --inh-caps -all --bounding-set -all $run

cp "$CONFIG" "$T/good.conf"
config_set External Interface nosuch0
# shellcheck disable=SC2086
refused "an interface that is not there" nosuch0 $run
cat "$T/good.conf" >"$CONFIG"

config_set Stream Port 443
spawn web gateway /usr/bin/python3 -c '
import socket, time
sock = socket.create_server(("0.0.0.0", 443))
time.sleep(30)'
sleep 0.3
# shellcheck disable=SC2086
refused "a TCP port that another program has" 'TCP port 443' $run
despawn web
if [ -n "$CULVERT_TEST_REAL_ROOT" ]; then
	# shellcheck disable=SC2086
	refused "a TCP port for the privileged" CAP_NET_BIND_SERVICE \
		setpriv --inh-caps -net_bind_service --bounding-set -net_bind_service $run
fi
certificate
config_set Stream Certificate "$T/tls/chain.pem"
config_set Stream Key "$T/tls/nosuch.pem"
# shellcheck disable=SC2086
refused "a key that is not there" nosuch.pem $run
config_set Stream Key "$T/tls/chain.pem"
# shellcheck disable=SC2086
refused "a file that is no key" 'chain.pem.*\[Stream\]' $run
config_set Stream Key "$T/tls/key.pem"
gateway_start
check "with a certificate of its own it runs" same "$(status stream.tls)" "TLS, certificate"
gateway_stop
cat "$T/good.conf" >"$CONFIG"

refused "a file that is not there" nosuch.conf "$CULVERT" gateway --config "$T/nosuch.conf"
config_set Interface ListenPort 99999
# shellcheck disable=SC2086
refused "a wrong value" 'culvert.conf:[0-9]*: .*99999' $run
cat "$T/good.conf" >"$CONFIG"

gateway_start
check "and with all of that put right it runs" gateway_ready
finish
