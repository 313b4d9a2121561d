#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# An ordinary user runs commands whose whole network is the tunnel; the host is none the wiser.
#
#   alice ( command ---- culvert exec ) ==== gateway ---- internet
#
# Not disturbed by others.

. "$(dirname "$0")/lib.sh"
needs_culvert
three_hosts
serve internet
resolver internet
gateway_init
gateway_peer alice
gateway_start
# Not root where there is another user to be had, else root without rights; but root's user
# namespace takes one.
user=65534
as="setpriv --reuid $user --regid $user --clear-groups"
[ -n "$CULVERT_TEST_REAL_ROOT" ] || user=0 as="setpriv --bounding-set -all,+setfcap --inh-caps -all"
cp "$CULVERT" "$T/culvert"
chmod 755 "$T/culvert"
CULVERT=$T/culvert
home=$T/alice/home
mkdir "$home"
cp "$T/alice.conf" "$home/alice.conf"
chmod 600 "$home/alice.conf"
[ -z "$CULVERT_TEST_REAL_ROOT" ] || chown -R $user:$user "$home"

# in_tunnel COMMAND... - runs it as that user
in_tunnel() {
	# shellcheck disable=SC2086
	on alice env -C "$home" $as "$CULVERT" exec alice.conf -- "$@"
}

# files - the user's
files() {
	find "$home" | sort
}

# status_of COMMAND... - its exit status there
status_of() {
	in_tunnel "$@" >/dev/null 2>&1
	echo $?
}

# What leaves alice, but for the tunnel, what finds the gateway's address, and what her kernel says
# of itself: that it is there, and that a tunnel which the gateway still sends to has ended.
OUTSIDE='not arp and not (ip6 and dst net ff00::/8) and not icmp6 and
	not (host 203.0.113.1 and (udp port 51820 or icmp[icmptype] == icmp-unreach))'

# through_the_tunnel HOW - what everybody does with a network
through_the_tunnel() {
	check "curl fetches a page by name ($1)" \
		in_tunnel curl -sS --fail --max-time 5 http://www.example.com/
	check "getent finds the name ($1)" \
		same "$(in_tunnel getent hosts www.example.com | awk '{ print $1 }')" 198.51.100.2
	check "and so does dig ($1)" \
		same "$(in_tunnel dig +time=2 +tries=1 +short www.example.com)" 198.51.100.2
	check "ping is answered ($1)" in_tunnel ping -q -c 3 -i 0.05 -W 2 198.51.100.2
	check "20 MB arrive whole ($1)" same \
		"$(in_tunnel curl -sS --max-time 20 http://198.51.100.2/bytes/20000000 |
			sha256sum | cut -d ' ' -f 1)" "$(sum_of 20000000)"
	check "20 MB leave whole ($1)" same \
		"$(in_tunnel curl -sS --max-time 20 --data-binary @- http://198.51.100.2/ <"$T/data")" \
		"20000000 $(sha256sum <"$T/data" | cut -d ' ' -f 1)"
}

host_state alice >"$T/before"
files >"$T/files-before"
capture outside alice eth0 "$OUTSIDE"
on internet curl -sS http://198.51.100.2/bytes/20000000 >"$T/data"

through_the_tunnel "by a TUN"
check "the command alone speaks" same "$(in_tunnel echo hello 2>&1)" hello
check "its input is its own" same "$(echo word | in_tunnel cat)" word
check "it is the same user" same "$(in_tunnel sh -c 'id -u; touch owned')" $user
check "whose file it wrote" same "$(stat -c %u "$home/owned")" $user
rm -f "$home/owned"
check "there is lo, and the adapter, and nothing else" same \
	"$(in_tunnel sh -c 'ip -br link | cut -d " " -f 1 | tr "\n" " "')" "lo culvert0 "
check "exit statuses are the command's" same \
	"$(status_of true) $(status_of sh -c 'exit 7') $(status_of sh -c 'kill -9 $$')" "0 7 137"
check "not found is 127, not executable 126" same \
	"$(status_of no-such-command) $(status_of /etc/passwd)" "127 126"
echo nonsense >"$home/bad.conf"
on alice "$CULVERT" exec "$home/bad.conf" -- true 2>"$T/bad"
check "a file that is none is 125" same "$?" 125
check "and is named" grep -q "bad.conf:1" "$T/bad"
rm "$home/bad.conf"

# On a terminal: the interrupt is the command's.
cat >"$T/terminal.py" <<'END'
import os, pty, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
said = b""
while b"ready" not in said:
    said += os.read(fd, 1024)
time.sleep(0.2)
os.write(fd, b"\x03")
try:
    while True:
        more = os.read(fd, 1024)
        if not more:
            break
        said += more
except OSError:
    pass
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), b"caught" in said)
END
# shellcheck disable=SC2086
terminal() {
	on alice env -C "$home" $as timeout 15 /usr/bin/python3 "$T/terminal.py" \
		"$CULVERT" exec alice.conf -- "$@"
}
check "an interrupt ends a command on a terminal" same \
	"$(terminal sh -c 'echo ready; exec sleep 10')" "130 False"
check "or is caught by it" same \
	"$(terminal sh -c 'trap "echo caught; exit 33" INT; echo ready; sleep 10 & wait')" "33 True"

# The tunnel's process is asked to end, and then killed.
# shellcheck disable=SC2086
spawn term alice env -C "$home" $as "$CULVERT" exec alice.conf -- \
	sh -c 'trap "exit 9" TERM; echo ready; while :; do sleep 0.05; done'
wait_for 5 grep -q ready "$T/term.log"
despawn term
check "SIGTERM is passed on" same "$?" 9
# shellcheck disable=SC2086
spawn killed alice env -C "$home" $as "$CULVERT" exec alice.conf -- \
	sh -c 'echo $$; while :; do ping -c 1 -W 1 198.51.100.2 && echo answered; sleep 0.1; done'
wait_for 5 grep -q answered "$T/killed.log"
command=$(head -n 1 "$T/killed.log")
kill -9 "$spawned"
wait "$spawned" 2>/dev/null
check "killed, the tunnel leaves the command without a network" \
	wait_for 5 grep -q -i -e unreachable -e 'no route' "$T/killed.log"
check "which lives on" kill "$command"
check "and nothing of the tunnel's" wait_for 5 not pgrep -f "$CULVERT exec"

on alice mount -t tmpfs tmpfs /dev/net
through_the_tunnel "by a veth pair"
check "that was one" in_tunnel sh -c 'ip -d link show culvert0 | grep -q veth'
on alice umount /dev/net

check "root has it too" same "$(on alice "$CULVERT" exec "$home/alice.conf" -- \
	dig +time=2 +tries=1 +short www.example.com)" 198.51.100.2
capture_end outside
check "nothing has left alice but by the tunnel" compare "$(captured outside)" == 0
host_state alice >"$T/after"
check "alice is as she was" diff "$T/before" "$T/after"
files >"$T/files-after"
check "and so are her files" diff "$T/files-before" "$T/files-after"
finish
