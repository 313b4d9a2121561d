#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# 00-commands - init, peer and check, from the shell, in a directory of its own
#
#	culvert init -> culvert.conf <- culvert peer add/list/show/remove, culvert check
#
# CULVERT names the binary.  Ends with 0 when all hold, with 77 and a reason when it can't be
# run here, else with 1 after naming each expectation that failed.  No gateway runs and nothing
# outside the directory is touched.
set -u

culvert=${CULVERT:-build/culvert}
case $culvert in
/*) ;;
*) culvert=$PWD/$culvert ;;
esac
if [ ! -x "$culvert" ]; then
	echo "skipped: no $culvert, build it or name it in CULVERT"
	exit 77
fi

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0
conf=etc/culvert.conf

# run STATUS COMMAND...: out and err hold what it wrote
run() {
	want=$1
	shift
	"$@" >out 2>err </dev/null
	got=$?
	[ "$got" = "$want" ] || complain "exit status $got instead of $want: $*"
}

complain() {
	echo "failed: $1"
	sed 's/^/  out: /' out
	sed 's/^/  err: /' err
	failed=1
}

has() {
	grep -q -- "$2" "$1" || complain "\"$2\" is not in $1"
}

hasnt() {
	if grep -q -- "$2" "$1"; then complain "\"$2\" is in $1"; fi
}

# One sentence on standard error, nothing on standard output.
one_sentence() {
	[ "$(wc -l <err)" = 1 ] || complain "not one sentence"
	[ -s out ] && complain "something on standard output"
	return 0
}

unchanged() {
	cmp -s "$conf" before || complain "$conf was changed"
}

# --- help, usage
for command in "" init peer check; do
	# shellcheck disable=SC2086 # the first has no word
	run 0 "$culvert" $command --help
	has out '^usage: culvert'
done
run 0 "$culvert" --version
run 2 "$culvert"
run 2 "$culvert" pear
one_sentence
for words in "init --colour" "init word" "init --config" "peer" "peer add" "peer list x" \
	"peer show x --public-key y" "check a b"; do
	# shellcheck disable=SC2086 # words
	run 2 "$culvert" $words
	one_sentence
done

# --- init
run 0 "$culvert" init --config $conf --endpoint 192.0.2.1:4500 --address 10.66.77.1/29
[ "$(stat -c %a etc)" = 700 ] || complain "etc is not 0700"
[ "$(stat -c %a $conf)" = 600 ] || complain "$conf is not 0600"
has $conf '^ListenPort = 4500$'
has $conf '^Endpoint = 192.0.2.1$'
has $conf '^Address = 10.66.77.1/29$'
has err 'private networks are closed'
cp $conf before
run 1 "$culvert" init --config $conf --endpoint 192.0.2.1
has err 'never overwritten'
one_sentence
unchanged
run 2 "$culvert" init --config x --endpoint 'a b'
run 2 "$culvert" init --config x --endpoint 192.0.2.1 --address 10.66.77.1/31
one_sentence
run 2 "$culvert" init --config x --endpoint 192.0.2.1 --address 10.66.77.0/24
run 1 "$culvert" init --config x --endpoint 192.0.2.1 --external nosuchif0
one_sentence
run 1 "$culvert" init --config before/x --endpoint 192.0.2.1
[ -e x ] && complain "x was written"

# --- peer add: the file alone on standard output
run 0 "$culvert" peer add alice --config $conf
cp out alice.conf
[ "$(head -n 1 out)" = "[Interface]" ] || complain "more than the file on standard output"
has out '^PrivateKey = [A-Za-z0-9+/]\{43\}=$'
has out '^Address = 10.66.77.2/29, fd[0-9a-f:]*/64$'
has out '^DNS = 10.66.77.1$'
has out '^MTU = 1420$'
has out '^AllowedIPs = 0.0.0.0/0, ::/0$'
has out '^Endpoint = 192.0.2.1:4500$'
hasnt $conf "$(sed -n 's/^PrivateKey = //p' alice.conf)"
[ "$(stat -c %a $conf)" = 600 ] || complain "$conf is no longer 0600"
cat before - >want <<END

[Peer]
# Name = alice
END
head -c "$(wc -c <want)" $conf | cmp -s - want || complain "the old text is not kept"

# --- bad input leaves the file alone
cp $conf before
key=$(sed -n 's/^PublicKey = //p' $conf)
run 1 "$culvert" peer add alice --config $conf
one_sentence
run 1 "$culvert" peer add bob --config $conf --public-key "$key"
one_sentence
has err 'alice'
run 1 "$culvert" peer add bob --config $conf --public-key nonsense
one_sentence
run 1 "$culvert" peer add 'bob the second' --config $conf
one_sentence
run 1 "$culvert" peer add bob --config $conf --public-key \
	"$(sed -n '/^\[Peer]/,$s/^PublicKey = //p' alice.conf)"
has err "gateway's own"
one_sentence
run 1 "$culvert" peer remove bob --config $conf
one_sentence
run 1 "$culvert" peer show bob --config $conf
one_sentence
run 1 "$culvert" peer list --config missing
one_sentence
run 1 "$culvert" peer list --config etc
one_sentence
cp alice.conf client.conf
run 1 "$culvert" peer add bob --config client.conf
has err "a client's file"
one_sentence
cmp -s alice.conf client.conf || complain "a client's file was changed"
unchanged

# --- a client file that can't be written: the peer isn't kept either
if [ -w /dev/full ]; then
	"$culvert" peer add carol --config $conf >/dev/full 2>err
	[ $? = 1 ] || complain "a full disk went unnoticed"
	unchanged
fi
# The reader is gone for sure before there is something to read.
{
	sleep 0.3
	"$culvert" peer add carol --config $conf 2>err
	echo $? >status
} | true
[ "$(cat status)" = 1 ] || complain "a closed pipe went unnoticed"
has err 'carol was not added'
unchanged

# --- a client's own key, all addresses, then one too many
own=xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
run 0 "$culvert" peer add bob --config $conf --public-key $own
hasnt out '^PrivateKey'
has $conf "^PublicKey = $own\$"
for name in p4 p5 p6; do
	run 0 "$culvert" peer add $name --config $conf
done
has out '^Address = 10.66.77.6/29,'
cp $conf before
run 1 "$culvert" peer add late --config $conf
has err 'every address of 10.66.77.1/29 is taken'
one_sentence
unchanged

# --- list, show, remove
run 0 "$culvert" peer list --config $conf
[ "$(wc -l <out)" = 5 ] || complain "not five peers"
run 0 "$culvert" peer show alice --config $conf --qr
hasnt out '^PrivateKey ='
has out '^# PrivateKey: '
has out '█'
grep -v '█' out | tail -n +5 >shown
[ "$(grep -c '^Address' shown)" = 1 ] || complain "no address shown"
run 0 "$culvert" peer remove p5 --config $conf
run 0 "$culvert" peer add again --config $conf
has out '^Address = 10.66.77.5/29,'
run 0 "$culvert" peer remove again --config $conf
for name in p6 p4 bob; do
	run 0 "$culvert" peer remove $name --config $conf
done
run 0 "$culvert" peer list --config $conf
[ "$(wc -l <out)" = 1 ] || complain "not one peer"

# --- both at once, nothing lost
for name in a b c d; do
	"$culvert" peer add $name --config $conf >/dev/null 2>&1 &
done
wait
run 0 "$culvert" peer list --config $conf
[ "$(wc -l <out)" = 5 ] || complain "peers that were added at the same time are lost"

# --- check, and a file that is corrupt is never rewritten
run 0 "$culvert" check $conf
has out ': valid, 5 peers$'
run 0 "$culvert" check --verbose $conf
has out '^PrivateKey = (hidden)$'
has out '^UdpTimeout = 300$'
head -c "$(($(wc -c <$conf) - 90))" $conf >truncated
mv truncated $conf
cp $conf before
run 1 "$culvert" check $conf
has err "^$conf:[0-9]*: .*, want"
run 1 "$culvert" peer add eve --config $conf
unchanged
run 1 "$culvert" peer remove alice --config $conf
unchanged

# --- somebody's wg0.conf: valid, its hooks named, edited without another change
cat >wg0.conf <<END
[Interface]
Address = 10.200.0.1/24
ListenPort = 51820
PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
PostUp = touch hook-has-run
SaveConfig = true

# the office
[Peer]
PublicKey = TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=
AllowedIPs = 10.200.0.2/32, 192.168.10.0/24
END
cp wg0.conf before
run 0 "$culvert" check wg0.conf
has err '^wg0.conf:5: note: PostUp is not run$'
has err '^wg0.conf:6: note: SaveConfig has no effect'
chmod 644 wg0.conf
run 0 "$culvert" check wg0.conf
has err '^wg0.conf: note: open to every user of this host'
chmod 600 wg0.conf
run 0 "$culvert" check wg0.conf
hasnt err 'open to every user'
run 0 "$culvert" peer list --config wg0.conf
has out '^TrMvSoP4  '
sed 's/^ListenPort/[External]\nEndpoint = vpn.example.org\n[Interface]\n&/' before >wg0.conf
cp wg0.conf before
run 0 "$culvert" peer add alice --config wg0.conf
has out '^Endpoint = vpn.example.org:51820$'
run 0 "$culvert" peer remove alice --config wg0.conf
cmp -s wg0.conf before || complain "wg0.conf is not what it was"
[ -e hook-has-run ] && complain "a hook was run"

exit $failed
