/* SPDX-License-Identifier: BSD-2-Clause */
#include "nat/shard.h"

static uint32_t *bucket(const struct nat *nat, uint32_t protocol, uint32_t inside,
			uint16_t inside_port)
{
	uint64_t endpoint = (uint64_t)inside << 16 | inside_port;

	return &nat->mapping_buckets[hash_words(&nat->key, endpoint, protocol) & nat->mapping_mask];
}

uint32_t nat_mapping_find(const struct nat *nat, enum nat_protocol protocol, uint32_t inside,
			  uint16_t inside_port)
{
	uint32_t i = *bucket(nat, protocol, inside, inside_port);

	for (; i; i = nat->mappings[i].hash_next) {
		const struct mapping *m = &nat->mappings[i];

		if (m->inside == inside && m->inside_port == inside_port && m->protocol == protocol)
			break;
	}
	return i;
}

static void link_mapping(struct nat *nat, uint32_t index)
{
	struct mapping *m = &nat->mappings[index];
	struct client *c = &nat->clients[m->client];
	uint32_t *head = bucket(nat, m->protocol, m->inside, m->inside_port);

	m->hash_next = *head;
	*head = index;
	m->client_next = c->mappings;
	if (c->mappings)
		nat->mappings[c->mappings].client_prev = index;
	c->mappings = index;
	c->n_mappings[m->protocol]++;
	nat->n_mappings[m->protocol]++;
}

static void unlink_mapping(struct nat *nat, uint32_t index)
{
	struct mapping *m = &nat->mappings[index];
	struct client *c = &nat->clients[m->client];
	uint32_t *link = bucket(nat, m->protocol, m->inside, m->inside_port);

	while (*link != index)
		link = &nat->mappings[*link].hash_next;
	*link = m->hash_next;
	if (m->client_prev)
		nat->mappings[m->client_prev].client_next = m->client_next;
	else
		c->mappings = m->client_next;
	if (m->client_next)
		nat->mappings[m->client_next].client_prev = m->client_prev;
	c->n_mappings[m->protocol]--;
	nat->n_mappings[m->protocol]--;
}

/* The index that the next mapping will have; 0 if the table is full. */
static uint32_t vacant(const struct nat *nat)
{
	if (nat->mappings_free)
		return nat->mappings_free;
	return nat->mappings_used < nat->params.mappings_max ? nat->mappings_used + 1 : 0;
}

static void occupy(struct nat *nat, uint32_t index)
{
	if (index == nat->mappings_free)
		nat->mappings_free = nat->mappings[index].hash_next;
	else
		nat->mappings_used = index;
}

/* RFC 4787 REQ-4: RTP's even and RTCP's odd ports stay so; nobody else cares. */
static enum ports_wish parity(enum nat_protocol protocol, uint16_t inside_port)
{
	if (protocol != NAT_UDP)
		return PORTS_ANY;
	return inside_port & 1 ? PORTS_ODD : PORTS_EVEN;
}

enum verdict nat_mapping_add(struct nat *nat, enum nat_protocol protocol, uint32_t inside,
			     uint16_t inside_port, uint32_t client, uint64_t now, uint32_t *ret)
{
	uint32_t quota = nat->params.client_quota[protocol];
	uint32_t live = nat->clients[client].n_mappings[protocol];
	uint32_t index = vacant(nat);
	uint16_t port;

	if (live >= quota)
		return DROP_NAT_QUOTA;
	if (!index)
		return DROP_NAT_TABLE_FULL;
	port = nat_ports_take(&nat->ports[protocol], client, live, quota,
			      parity(protocol, inside_port), index, nat->rng, now);
	if (!port)
		return DROP_NAT_NO_PORT; /* RFC 6888 REQ-11: never at the cost of a live one */

	occupy(nat, index);
	nat->mappings[index] = (struct mapping){
		.inside = inside,
		.inside_port = inside_port,
		.external_port = port,
		.client = client,
		.protocol = protocol,
	};
	link_mapping(nat, index);
	*ret = index;
	return PASS;
}

void nat_mapping_end(struct nat *nat, uint32_t index, uint64_t now)
{
	struct mapping *m = &nat->mappings[index];

	while (m->flows)
		nat_flow_end(nat, m->flows);
	nat_expiry_stop(&nat->expiry, index);
	unlink_mapping(nat, index);
	nat_ports_give(&nat->ports[m->protocol], m->external_port, m->client, now);
	m->hash_next = nat->mappings_free;
	nat->mappings_free = index;
}
