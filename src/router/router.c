/* SPDX-License-Identifier: BSD-2-Clause */
#include "router/router.h"

#include <errno.h>
#include <stdlib.h>

#include "packet/icmp.h"
#include "router/table.h"

/* Which list speaks first about a destination, from the weakest to the strongest. */
enum layer {
	LAYER_PRIVATE,
	LAYER_OTHER_LINKS,
	LAYER_LINK_LOCAL,
	LAYER_RULES, /* and, as if they were rules of /32, the metadata services */
};

struct router {
	uint32_t gateway;
	uint32_t external;
	uint32_t tunnel_first;  /* the network's own address */
	uint32_t tunnel_last;   /* its directed broadcast */
	bool tunnel_broadcasts; /* a /31 or /32 has neither of the two (RFC 3021) */
	bool isolate_clients;
	struct table destinations;
	uint32_t *host; /* ascending */
	size_t n_host;
};

#define IP4(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

/* RFC 1918 and RFC 6598. */
static const struct table_entry private_networks[] = {
	{ IP4(10, 0, 0, 0), 8, LAYER_PRIVATE, DROP_ROUTE_PRIVATE, 0 },
	{ IP4(172, 16, 0, 0), 12, LAYER_PRIVATE, DROP_ROUTE_PRIVATE, 0 },
	{ IP4(192, 168, 0, 0), 16, LAYER_PRIVATE, DROP_ROUTE_PRIVATE, 0 },
	{ IP4(100, 64, 0, 0), 10, LAYER_PRIVATE, DROP_ROUTE_PRIVATE, 0 },
};

static const struct table_entry defaults[] = {
	{ IP4(169, 254, 0, 0), 16, LAYER_LINK_LOCAL, DROP_ROUTE_LINK_LOCAL, 0 },
	/* Credentials of the machine: a rule for the network around them does not give them away. */
	{ IP4(169, 254, 169, 254), 32, LAYER_RULES, DROP_ROUTE_METADATA, 0 },
	{ IP4(168, 63, 129, 16), 32, LAYER_RULES, DROP_ROUTE_METADATA, 0 },
	{ IP4(100, 100, 100, 200), 32, LAYER_RULES, DROP_ROUTE_METADATA, 0 },
};

#define N(array) (sizeof(array) / sizeof((array)[0]))

static size_t add_prefix(struct table_entry *entry, const struct prefix *p, enum layer layer,
			 enum verdict v)
{
	if (p->addr.family != ADDR_IP4 || p->len > 32)
		return 0;
	*entry = (struct table_entry){ addr_to_ip4(&p->addr), p->len, (uint8_t)layer, v, 0 };
	return 1;
}

static int init_destinations(struct router *r, const struct router_params *params)
{
	size_t n = 0;
	struct table_entry *e =
		calloc(N(private_networks) + N(defaults) + params->n_other_links + params->n_rules,
		       sizeof(*e));
	int result;

	if (!e)
		return -ENOMEM;
	if (!params->allow_private) {
		for (size_t i = 0; i < N(private_networks); i++)
			e[n++] = private_networks[i];
	}
	for (size_t i = 0; i < N(defaults); i++)
		e[n++] = defaults[i];
	for (size_t i = 0; i < params->n_other_links; i++)
		n += add_prefix(&e[n], &params->other_links[i], LAYER_OTHER_LINKS,
				DROP_ROUTE_OTHER_LINK);
	for (size_t i = 0; i < params->n_rules; i++)
		n += add_prefix(&e[n], &params->rules[i].prefix, LAYER_RULES,
				params->rules[i].allow ? PASS : DROP_ROUTE_POLICY);
	result = table_init(&r->destinations, e, n);
	free(e);
	return result;
}

static int by_address(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int init_host(struct router *r, const struct router_params *params)
{
	size_t n = params->n_host_addresses;

	r->host = calloc(n + 1, sizeof(*r->host));
	if (!r->host)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		r->host[i] = params->host_addresses[i];
	r->n_host = n;
	qsort(r->host, n, sizeof(*r->host), by_address);
	return 0;
}

static void init_tunnel(struct router *r, const struct prefix *tunnel)
{
	uint8_t len = tunnel->len;
	uint32_t host_bits = len == 0 ? UINT32_MAX : len >= 32 ? 0 : UINT32_MAX >> len;

	if (tunnel->addr.family != ADDR_IP4) { /* none: no address lies between these two */
		r->tunnel_first = 1;
		return;
	}
	r->tunnel_first = addr_to_ip4(&tunnel->addr) & ~host_bits;
	r->tunnel_last = r->tunnel_first | host_bits;
	r->tunnel_broadcasts = len < 31;
}

int router_new(const struct router_params *params, struct router **ret)
{
	struct router *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->gateway = params->gateway;
	r->external = params->external;
	init_tunnel(r, &params->tunnel);
	r->isolate_clients = params->isolate_clients;
	if (init_destinations(r, params) < 0 || init_host(r, params) < 0) {
		router_free(r);
		return -ENOMEM;
	}
	*ret = r;
	return 0;
}

struct router *router_free(struct router *r)
{
	if (r) {
		table_done(&r->destinations);
		free(r->host);
		free(r);
	}
	return NULL;
}

static bool in_tunnel(const struct router *r, uint32_t a)
{
	return a >= r->tunnel_first && a <= r->tunnel_last;
}

static bool is_host_address(const struct router *r, uint32_t a)
{
	size_t low = 0;
	size_t high = r->n_host;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (r->host[middle] < a)
			low = middle + 1;
		else
			high = middle;
	}
	return low < r->n_host && r->host[low] == a;
}

/* Ours, whoever the bytes say they are from: a peer cannot have it, even with AllowedIPs of 0/0. */
static bool is_own(const struct router *r, uint32_t a)
{
	return a == r->gateway || a == r->external || is_host_address(r, a);
}

/* RFC 1812 section 5.3.7: sources that no unicast packet has. */
static bool is_martian(uint32_t src)
{
	return src >> 24 == 0 || src >> 24 == 127 || src >= IP4(224, 0, 0, 0);
}

/*
 * Destinations that are for many or for nobody, whatever the policy; PASS for the rest.
 * Source: RFC 1122 section 3.2.1.3, RFC 1812 section 5.3.7, RFC 6890.
 */
static enum verdict check_unicast(const struct router *r, uint32_t dst)
{
	if (dst >= IP4(224, 0, 0, 0))
		return DROP_ROUTE_MULTICAST;
	if (r->tunnel_broadcasts && (dst == r->tunnel_first || dst == r->tunnel_last))
		return DROP_ROUTE_MULTICAST;
	if (dst >> 24 == 0 || dst >> 24 == 127)
		return DROP_ROUTE_LOOPBACK;
	return PASS;
}

static struct route silently(enum verdict v)
{
	return (struct route){ .to = ROUTE_NOWHERE, .peer = ROUTE_NO_PEER, .drop = v };
}

static struct route answered(enum verdict v, enum icmp_type type, uint8_t code)
{
	return (struct route){
		.to = ROUTE_NOWHERE,
		.peer = ROUTE_NO_PEER,
		.drop = v,
		.answer = true,
		.icmp_type = (uint8_t)type,
		.icmp_code = code,
	};
}

/* RFC 1812 section 5.2.7.1: a refusal says so, and the application fails at once. */
static struct route refused(enum verdict v)
{
	return answered(v, ICMP_UNREACHABLE, ICMP_ADMIN_PROHIBITED);
}

static struct route towards(enum route_to to)
{
	return (struct route){ .to = to, .peer = ROUTE_NO_PEER };
}

static struct route to_peer(uint32_t peer)
{
	return (struct route){ .to = ROUTE_PEER, .peer = peer };
}

struct route router_from_inside(const struct router *r, const struct train *t, uint32_t dst_peer)
{
	enum verdict v;

	if (is_martian(t->src) || is_own(r, t->src))
		return silently(DROP_ROUTE_MARTIAN);
	v = check_unicast(r, t->dst);
	if (v != PASS)
		return silently(v);
	if (t->dst == r->gateway)
		return towards(ROUTE_GATEWAY);
	if (t->dst == r->external)
		return towards(ROUTE_EXTERNAL_ADDRESS);
	if (is_host_address(r, t->dst))
		return towards(ROUTE_HOST);
	if (t->ttl <= 1)
		return answered(DROP_ROUTE_TTL, ICMP_TIME_EXCEEDED, 0);
	if (dst_peer != ROUTE_NO_PEER)
		return r->isolate_clients ? refused(DROP_ROUTE_ISOLATED) : to_peer(dst_peer);
	if (in_tunnel(r, t->dst))
		return answered(DROP_ROUTE_NO_PEER, ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE);
	v = table_find(&r->destinations, t->dst);
	return v == PASS ? towards(ROUTE_INTERNET) : refused(v);
}

struct route router_from_host(const struct router *r, const struct train *t, uint32_t dst_peer)
{
	enum verdict v;

	if (t->src != r->gateway && !is_host_address(r, t->src))
		return silently(DROP_ROUTE_HOST_SOURCE);
	v = check_unicast(r, t->dst);
	if (v != PASS)
		return silently(v);
	if (dst_peer == ROUTE_NO_PEER)
		return answered(DROP_ROUTE_NO_PEER, ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE);
	return to_peer(dst_peer);
}

struct route router_from_outside(const struct router *r, const struct train *t, uint32_t dst_peer)
{
	/* The external address itself is the source of what the NAT has turned around. */
	if (is_martian(t->src) || in_tunnel(r, t->src) ||
	    (t->src != r->external && is_host_address(r, t->src)))
		return silently(DROP_ROUTE_MARTIAN);
	/* An answer would quote the client's inside address to a stranger. */
	if (t->ttl <= 1)
		return silently(DROP_ROUTE_TTL);
	if (dst_peer == ROUTE_NO_PEER)
		return silently(DROP_ROUTE_NO_PEER);
	return to_peer(dst_peer);
}
