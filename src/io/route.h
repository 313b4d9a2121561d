/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * route.h - policy rules, and the routing table that they lead to
 *
 * Everything made here bears one protocol number (FRA_PROTOCOL, rtm_protocol), by which it is
 * found again, whoever made it: there is no state but the kernel's.  So setting rules is a
 * synchronisation, and undoing it is setting none.
 *
 * Source: rtnetlink(7), linux/fib_rules.h; FRA_PROTOCOL, FRA_IP_PROTO and FRA_DPORT_RANGE are in
 * Linux since 4.17.  Changing needs CAP_NET_ADMIN over the network namespace, reading nothing.
 */
#ifndef CULVERT_IO_ROUTE_H
#define CULVERT_IO_ROUTE_H

#include <libmnl/libmnl.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define ROUTE_MAIN 254 /* the table of everybody's routes */

/* One rule: the packets that it is about, and what it does with them. */
struct route_rule {
	uint32_t priority;
	struct prefix to; /* host bits zero; ADDR_NONE: anywhere */
	uint8_t protocol; /* IPPROTO_; 0: any */
	uint16_t sport;   /* 0: any */
	uint16_t dport;   /* 0: any */
	uint32_t table;   /* looked up; 0: the packet is refused as unreachable */
};

/** route_has() - whether this kernel has @family (ADDR_IP4, ADDR_IP6) at all */
bool route_has(uint8_t family);

/** route_ifindex() - of the interface @name; 0: there is none */
uint32_t route_ifindex(const char *name);

/**
 * route_set_rules() - makes @rules all that bear @owner in @family
 *
 * New ones are added first and in the order given, then those that are no longer wanted go, the
 * one of the highest priority number first.  What is as wanted isn't touched.
 *
 * @ret_changed: how many were added or deleted, also on failure; may be NULL
 * Return: 0; -EPERM; -EAFNOSUPPORT: this kernel has no policy routing for @family; -errno.  The
 * first failure is what is returned, but deleting goes on.
 */
int route_set_rules(struct mnl_socket *nl, uint8_t owner, uint8_t family,
		    const struct route_rule *rules, size_t n, unsigned int *ret_changed);

/**
 * route_set_default() - the default routes of @table: by the interface @ifindex, and for IPv4 an
 * unreachable one that is left when the interface goes
 *
 * Their scope is "global": the kernel, asked to accept a gateway in the main table, looks
 * that up with scope "link" among all rules, and must find the network that the gateway is on.
 * Return: 0, also if they were there; -EACCES, -ENODEV: the interface has no IPv6; -errno.
 */
int route_set_default(struct mnl_socket *nl, uint8_t owner, uint8_t family, uint32_t table,
		      uint32_t ifindex);

/** route_flush() - deletes the routes of @table that bear @owner; as route_set_rules() */
int route_flush(struct mnl_socket *nl, uint8_t owner, uint8_t family, uint32_t table,
		unsigned int *ret_changed);

/** route_strict() - whether an interface by which the main table has an IPv4 default route checks
 *  reverse paths strictly (rp_filter is 1), and then its name */
bool route_strict(char ret_name[static IFNAMSIZ]);

/** route_count_rules() - how many bear @owner.  Return: that, or -errno. */
int route_count_rules(struct mnl_socket *nl, uint8_t owner, uint8_t family);

#endif
