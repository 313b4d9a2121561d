/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guardian_plan.h - what a plan means: whether it makes sense, and the rules that it comes to
 *
 * Pure.  In the order of their priorities, for each family:
 *
 *	GUARDIAN_RULES_AT	what is never the tunnel's: the tunnel's own packets (address, protocol,
 *				port of each endpoint), excluded destinations, DHCP (IPv4), link-local
 *				destinations (IPv6): as if there were no tunnel
 *	 + 1			the same again: unreachable.  Without it the tunnel's own packets would
 *				go into the tunnel while the host has no other route.
 *	 + 2			everything else: by GUARDIAN_TABLE, whose default route is the adapter,
 *				and for IPv4, where there is no adapter any more, unreachable
 *	 + 3			IPv6 alone: everything else is unreachable
 *
 * The last is for the moment between the adapter's death and the undoing, and for an adapter
 * without IPv6.  In IPv6 it must be a rule: a socket that is bound to a device passes unreachable
 * routes over.  In IPv4 it must be a route: a rule would make the kernel refuse every new
 * gateway, and with it every change of network (see route_set_default()).
 *
 * More specific routes of the host don't come first: a DHCP server on a strange network could
 * hand out routes that lead around the tunnel (CVE-2024-3661).  Hence the local network is
 * reached through the tunnel as well, unless it is excluded.  The host's own addresses stay its own
 * (table local has priority 0).
 *
 * What routing can't hold: an IPv4 socket that is bound to another device (SO_BINDTODEVICE) is
 * given to that device's link when routing refuses; the kernel asks for the destination by ARP
 * there.  So no router forwards it, but hosts on that link are reached.  The kill switch stops it.
 */
#ifndef CULVERT_ENGINE_GUARDIAN_PLAN_H
#define CULVERT_ENGINE_GUARDIAN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "engine/guardian.h"
#include "io/route.h"

/* Twice each endpoint, each exclude and one more; and two for the rest. */
#define GUARDIAN_RULES_MAX (2 * (GUARDIAN_ENDPOINTS_MAX + GUARDIAN_EXCLUDES_MAX + 1) + 2)

/** guardian_plan_check() - Return: 0; -EINVAL and @complaint (512 bytes) */
int guardian_plan_check(const struct guardian_plan *plan, char *complaint);

/** guardian_plan_rules() - of one family.  Return: how many. */
size_t guardian_plan_rules(const struct guardian_plan *plan, uint8_t family,
			   struct route_rule ret[static GUARDIAN_RULES_MAX]);

/** guardian_plan_endpoints() - as io/kill_switch.h has them.  Return: how many. */
size_t guardian_plan_endpoints(const struct guardian_plan *plan,
			       struct endpoint ret[static GUARDIAN_ENDPOINTS_MAX]);

#endif
