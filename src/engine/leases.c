/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/leases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCKS 4u /* per worker and protocol, at start */
#define MORE_BLOCKS  4u /* each time a worker runs short */

struct leases {
	unsigned int workers;
	struct post *post;
	struct external **external;
	uint16_t tunnel_port;
	struct rng *rng;
	uint32_t address;
	struct ports *ports;
	struct external_ports filter; /* what the kernel passes now */
};

/* Query identifiers need no lease: the kernel answers no echo reply. */
static void pass_all_icmp(struct leases *l)
{
	memset(l->filter.blocks[NAT_ICMP], 0xff, sizeof(l->filter.blocks[NAT_ICMP]));
}

int leases_new(const struct leases_params *params, struct leases **ret)
{
	struct leases *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->workers = params->workers;
	l->post = params->post;
	l->external = params->external;
	l->tunnel_port = params->tunnel_port;
	l->rng = params->rng;
	pass_all_icmp(l);
	*ret = l;
	return 0;
}

struct leases *leases_free(struct leases *l)
{
	if (l)
		ports_free(l->ports);
	free(l);
	return NULL;
}

static void tell_workers(struct leases *l, enum post_kind kind, const struct post_lease *lease)
{
	for (unsigned int i = 0; i < l->workers; i++)
		post_insist(l->post, post_main(l->workers), i, kind, lease, sizeof(*lease));
}

static uint64_t *filter_word(struct leases *l, const struct post_lease *lease, uint64_t *ret_bit)
{
	unsigned int block = lease->first / PORT_BLOCK;

	*ret_bit = UINT64_C(1) << block % 64;
	return &l->filter.blocks[lease->protocol][block / 64];
}

/* Up to @n blocks for one worker: guards first, then the filter, then the worker. */
static int lease_blocks(struct leases *l, unsigned int worker, enum nat_protocol protocol,
			unsigned int n)
{
	enum port_protocol kind = protocol == NAT_TCP ? PORT_TCP : PORT_UDP;
	struct post_lease leases[MORE_BLOCKS > FIRST_BLOCKS ? MORE_BLOCKS : FIRST_BLOCKS];
	unsigned int got = 0;
	uint64_t bit;
	int r = 0;

	while (got < n) {
		leases[got] = (struct post_lease){ .address = l->address, .protocol = protocol };
		r = ports_lease(l->ports, kind, worker, l->workers, &leases[got].first);
		if (r < 0)
			break;
		*filter_word(l, &leases[got], &bit) |= bit;
		got++;
	}
	if (got == 0)
		return r;
	r = external_set_ports(l->external, l->workers, &l->filter);
	for (unsigned int i = 0; i < got; i++) {
		if (r >= 0) {
			tell_workers(l, POST_LEASE, &leases[i]);
			continue;
		}
		*filter_word(l, &leases[i], &bit) &= ~bit;
		ports_release(l->ports, kind, leases[i].first);
	}
	return r;
}

static int lease_for_all(struct leases *l, unsigned int n)
{
	int r = 0;

	for (unsigned int i = 0; i < l->workers && r >= 0; i++) {
		r = lease_blocks(l, i, NAT_TCP, n);
		if (r >= 0)
			r = lease_blocks(l, i, NAT_UDP, n);
	}
	return r;
}

int leases_set_address(struct leases *l, uint32_t address, int ifindex)
{
	int r;

	l->ports = ports_free(l->ports);
	l->address = address;
	l->filter = (struct external_ports){ .address = address };
	pass_all_icmp(l);
	r = external_set_ports(l->external, l->workers, &l->filter);
	if (r < 0 || address == 0)
		return r;
	r = ports_new(address, ifindex, l->tunnel_port, l->rng, &l->ports);
	if (r >= 0)
		r = lease_for_all(l, 1);
	if (r < 0)
		return r;
	/* Where descriptors are few, every worker has a block before one has more. */
	r = lease_for_all(l, FIRST_BLOCKS - 1);
	return r == -EMFILE || r == -ENOSPC ? 0 : r;
}

int leases_wanted(struct leases *l, unsigned int worker, enum nat_protocol protocol)
{
	if (!l->ports || protocol == NAT_ICMP)
		return -ENOSPC;
	return lease_blocks(l, worker, protocol, MORE_BLOCKS);
}

void leases_returned(struct leases *l, unsigned int worker, const struct post_lease *lease)
{
	uint64_t bit;
	uint64_t *word = filter_word(l, lease, &bit);

	if (!l->ports || lease->address != l->address || !(*word & bit))
		return; /* of an address that we no longer have */
	*word &= ~bit;
	(void)external_set_ports(l->external, l->workers, &l->filter);
	ports_release(l->ports, lease->protocol == NAT_TCP ? PORT_TCP : PORT_UDP, lease->first);
	for (unsigned int i = 0; i < l->workers; i++)
		if (i != worker)
			post_insist(l->post, post_main(l->workers), i, POST_LEASE_RETURNED, lease,
				    sizeof(*lease));
}

struct ports_counts leases_counts(const struct leases *l, enum nat_protocol protocol)
{
	if (protocol == NAT_ICMP)
		return (struct ports_counts){ 65536, 65536 };
	if (!l->ports)
		return (struct ports_counts){ 0, 0 };
	return ports_counts(l->ports, protocol == NAT_TCP ? PORT_TCP : PORT_UDP);
}

const char *leases_guard(const struct leases *l, enum nat_protocol protocol)
{
	if (!l->ports || protocol == NAT_ICMP)
		return "none";
	return ports_guard(l->ports, protocol == NAT_TCP ? PORT_TCP : PORT_UDP);
}
