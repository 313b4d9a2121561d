/* SPDX-License-Identifier: BSD-2-Clause */
#include "nat/shard.h"

static uint32_t *bucket(const struct nat *nat, uint32_t mapping, uint32_t remote,
			uint16_t remote_port)
{
	uint64_t pair = (uint64_t)mapping << 32 | remote;

	return &nat->flow_buckets[hash_words(&nat->key, pair, remote_port) & nat->flow_mask];
}

static uint32_t *near_bucket(const struct nat *nat, uint32_t mapping, uint32_t remote)
{
	uint64_t pair = (uint64_t)mapping << 32 | remote;

	/* Beyond every port, so that the two tables hash apart. */
	return &nat->near_buckets[hash_words(&nat->key, pair, UINT64_MAX) & nat->flow_mask];
}

uint32_t nat_flow_find(const struct nat *nat, uint32_t mapping, uint32_t remote,
		       uint16_t remote_port)
{
	uint32_t i = *bucket(nat, mapping, remote, remote_port);

	for (; i; i = nat->flows[i].hash_next) {
		const struct flow *f = &nat->flows[i];

		if (f->mapping == mapping && f->remote == remote && f->remote_port == remote_port)
			break;
	}
	return i;
}

bool nat_flow_admits(const struct nat *nat, uint32_t mapping, uint32_t remote)
{
	uint32_t i = *near_bucket(nat, mapping, remote);

	for (; i; i = nat->flows[i].near_next) {
		const struct flow *f = &nat->flows[i];

		if (f->mapping == mapping && f->remote == remote && f->holding)
			break;
	}
	return i != 0;
}

static void link_flow(struct nat *nat, uint32_t index)
{
	struct flow *f = &nat->flows[index];
	struct mapping *m = &nat->mappings[f->mapping];
	uint32_t *head = bucket(nat, f->mapping, f->remote, f->remote_port);
	uint32_t *near = near_bucket(nat, f->mapping, f->remote);

	f->hash_next = *head;
	*head = index;
	f->near_next = *near;
	if (*near)
		nat->flows[*near].near_prev = index;
	*near = index;
	f->sibling_next = m->flows;
	if (m->flows)
		nat->flows[m->flows].sibling_prev = index;
	m->flows = index;
}

/*
 * The chain by exact remote holds distinct keys and is short; the one by address
 * is as long as a client has connections to one address, hence linked both ways.
 */
static void unlink_flow(struct nat *nat, uint32_t index)
{
	struct flow *f = &nat->flows[index];
	uint32_t *link = bucket(nat, f->mapping, f->remote, f->remote_port);

	while (*link != index)
		link = &nat->flows[*link].hash_next;
	*link = f->hash_next;

	if (f->near_prev)
		nat->flows[f->near_prev].near_next = f->near_next;
	else
		*near_bucket(nat, f->mapping, f->remote) = f->near_next;
	if (f->near_next)
		nat->flows[f->near_next].near_prev = f->near_prev;

	if (f->sibling_prev)
		nat->flows[f->sibling_prev].sibling_next = f->sibling_next;
	else
		nat->mappings[f->mapping].flows = f->sibling_next;
	if (f->sibling_next)
		nat->flows[f->sibling_next].sibling_prev = f->sibling_prev;
}

enum verdict nat_flow_add(struct nat *nat, uint32_t mapping, uint32_t remote, uint16_t remote_port,
			  enum flow_origin origin, uint32_t *ret)
{
	const struct mapping *m = &nat->mappings[mapping];
	uint32_t *n_client = &nat->clients[m->client].n_flows[m->protocol];
	uint64_t limit = (uint64_t)nat->params.client_quota[m->protocol] * FLOWS_PER_QUOTA;
	uint32_t share = origin == FLOW_FROM_OUTSIDE ? 2 : 1;
	uint32_t index = nat->flows_free;

	if (*n_client >= limit / share)
		return DROP_NAT_QUOTA;
	if (nat->n_flows >= nat->params.flows_max / share)
		return DROP_NAT_TABLE_FULL;
	if (index)
		nat->flows_free = nat->flows[index].hash_next;
	else
		index = ++nat->flows_used;

	nat->flows[index] = (struct flow){
		.mapping = mapping,
		.remote = remote,
		.remote_port = remote_port,
	};
	link_flow(nat, index);
	nat->n_flows++;
	(*n_client)++;
	*ret = index;
	return PASS;
}

void nat_flow_end(struct nat *nat, uint32_t index)
{
	struct flow *f = &nat->flows[index];
	const struct mapping *m = &nat->mappings[f->mapping];

	nat_flow_hold(nat, index, false);
	nat_expiry_stop(&nat->expiry, nat_flow_timer(nat, index));
	unlink_flow(nat, index);
	nat->n_flows--;
	nat->clients[m->client].n_flows[m->protocol]--;
	f->hash_next = nat->flows_free;
	nat->flows_free = index;
}

void nat_flow_hold(struct nat *nat, uint32_t index, bool holding)
{
	struct flow *f = &nat->flows[index];

	if (f->holding == holding)
		return;
	f->holding = holding;
	if (holding)
		nat->mappings[f->mapping].n_holding++;
	else
		nat->mappings[f->mapping].n_holding--;
}
