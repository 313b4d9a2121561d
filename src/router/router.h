/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * router.h - one decision per packet: where does it go, or why not
 *
 * Default deny, as the table in router/DESIGN.md says; [Policy] opens private
 * networks and closes others.  The table is immutable and read by every
 * worker.  Addresses are host order.
 *
 * Pure.  Source: RFC 1812, RFC 6890 (special-purpose addresses), RFC 5735.
 */
#ifndef CULVERT_ROUTER_ROUTER_H
#define CULVERT_ROUTER_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "packet/train.h"

#define ROUTE_NO_PEER UINT32_MAX

enum route_to {
	ROUTE_NOWHERE, /* drop, with a reason */
	ROUTE_PEER,    /* into the tunnel of route.peer */
	ROUTE_GATEWAY, /* 10.66.77.1: ping and DNS are answered by us, the rest is the host's */
	ROUTE_HOST,    /* another address of the gateway host, not the external one */
	ROUTE_EXTERNAL_ADDRESS, /* our external address: a mapping (hairpin), else the host */
	ROUTE_INTERNET,
};

struct route {
	enum route_to to;
	uint32_t peer;     /* ROUTE_PEER */
	enum verdict drop; /* ROUTE_NOWHERE */
	bool answer;       /* ROUTE_NOWHERE: tell the source by ICMP */
	uint8_t icmp_type;
	uint8_t icmp_code;
};

struct policy_rule {
	struct prefix prefix; /* IPv4 */
	bool allow;
};

struct router_params {
	uint32_t gateway;     /* 10.66.77.1 */
	struct prefix tunnel; /* 10.66.77.0/24 */
	uint32_t external;    /* external address; 0 while unknown */
	bool isolate_clients;
	bool allow_private;              /* RFC 1918 and 100.64/10 as a whole */
	const struct policy_rule *rules; /* longest prefix wins, above the defaults; copied */
	size_t n_rules;
	const uint32_t *host_addresses; /* all local IPv4 addresses; copied */
	size_t n_host_addresses;
	const struct prefix *
		other_links; /* connected or routed by another interface; refused unless a rule allows; copied */
	size_t n_other_links;
};

struct router;

/** router_new() - Return: 0, or -ENOMEM */
int router_new(const struct router_params *params, struct router **ret);
struct router *router_free(struct router *r);

/**
 * router_from_inside() - a packet that a peer sent; its source was checked against its AllowedIPs
 * @dst_peer: whom AllowedIPs says the destination belongs to; ROUTE_NO_PEER if nobody
 *
 * TTL: 1 or 0 ends here with time-exceeded, except for what is addressed to ourselves.  The
 * caller decrements when it forwards.
 */
struct route router_from_inside(const struct router *r, const struct train *t, uint32_t dst_peer);

/**
 * router_from_host() - a packet read from the adapter: only the host's own sources to peers
 *
 * The host is its origin and not a router before us: its TTL is neither looked at nor lowered.
 */
struct route router_from_host(const struct router *r, const struct train *t, uint32_t dst_peer);

/**
 * router_from_outside() - a packet from the external interface *after* the NAT
 *
 * Its destination is a client by now.  Drops are never answered: the quotation would show the
 * client's inside address.
 */
struct route router_from_outside(const struct router *r, const struct train *t, uint32_t dst_peer);

#endif
