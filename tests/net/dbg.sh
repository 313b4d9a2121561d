#!/bin/sh
. /work/wt/net/tests/net/lib.sh
three_hosts
capture wan internet eth0 icmp
ps ax
capture_end wan
echo ---; cat $T/*.spawned $T/*.pid
ps ax
