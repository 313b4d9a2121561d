#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A command whose gateway does not answer is not run, also where standard error was closed and what
# is said of it goes nowhere.
#
#   alice ( culvert exec ) ==== nobody
#
# Not disturbed by others.

. "$(dirname "$0")/lib.sh"
needs_culvert
three_hosts
gateway_init
gateway_peer alice
on alice sh -c '"$1" exec "$2" -- touch "$3" 2>&-' sh "$CULVERT" "$T/alice.conf" "$T/ran"
status=$?
check "the status is 125" same $status 125
check_not "the command has not run" test -e "$T/ran"
finish
