/* SPDX-License-Identifier: BSD-2-Clause */
#include "nat/nat.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nat/shard.h"

/* RFC 6888 REQ-8; TCP and ICMP are exempt by its A (tracked) and C (filtered by remote). */
#define HOLD_DOWN (120 * NS_PER_S)

struct nat_params nat_params_default(void)
{
	return (struct nat_params){
		.mappings_max = 65536,
		.flows_max = 131072,
		.clients_max = 1024,
		.client_quota = { [NAT_TCP] = 4096, [NAT_UDP] = 4096, [NAT_ICMP] = 1024 },
		.filtering = { [NAT_TCP] = NAT_FILTER_ADDRESS_DEPENDENT,
			       [NAT_UDP] = NAT_FILTER_ENDPOINT_INDEPENDENT,
			       [NAT_ICMP] = NAT_FILTER_ADDRESS_DEPENDENT },
		.tcp_established = 7440 * NS_PER_S, /* RFC 5382 REQ-5: 2 h 4 min */
		.tcp_transitory = 240 * NS_PER_S,
		.tcp_closed = 10 * NS_PER_S,
		.udp = 300 * NS_PER_S,
		.udp_dns = 15 * NS_PER_S,
		.icmp = 60 * NS_PER_S,
	};
}

static void set_timeouts(struct nat *nat)
{
	const struct nat_params *p = &nat->params;
	uint64_t *timeout = nat->expiry.timeout;

	timeout[EXPIRY_TCP_TRANSITORY] = p->tcp_transitory;
	timeout[EXPIRY_TCP_ESTABLISHED] = p->tcp_established;
	timeout[EXPIRY_TCP_CLOSED] = p->tcp_closed;
	timeout[EXPIRY_UDP] = p->udp;
	timeout[EXPIRY_UDP_DNS] = p->udp_dns;
	timeout[EXPIRY_ICMP] = p->icmp;
	timeout[EXPIRY_UDP_REMOTE] = p->udp;
	timeout[EXPIRY_ICMP_REMOTE] = p->icmp;
}

static int tables_new(struct nat *nat)
{
	const struct nat_params *p = &nat->params;
	uint32_t n_mapping_buckets = hash_size(p->mappings_max);
	uint32_t n_flow_buckets = hash_size(p->flows_max);

	nat->mapping_mask = n_mapping_buckets - 1;
	nat->flow_mask = n_flow_buckets - 1;
	nat->mappings = calloc((size_t)p->mappings_max + 1, sizeof(*nat->mappings));
	nat->mapping_buckets = calloc(n_mapping_buckets, sizeof(*nat->mapping_buckets));
	nat->flows = calloc((size_t)p->flows_max + 1, sizeof(*nat->flows));
	nat->flow_buckets = calloc(n_flow_buckets, sizeof(*nat->flow_buckets));
	nat->near_buckets = calloc(n_flow_buckets, sizeof(*nat->near_buckets));
	nat->clients = calloc((size_t)p->clients_max + 1, sizeof(*nat->clients));
	if (!nat->mappings || !nat->mapping_buckets || !nat->flows || !nat->flow_buckets ||
	    !nat->near_buckets || !nat->clients)
		return -ENOMEM;
	return 0;
}

static int ports_new(struct nat *nat)
{
	for (int i = 0; i < N_NAT_PROTOCOLS; i++) {
		size_t n = (size_t)nat->params.clients_max + 1;

		nat->ports_clients[i] = calloc(n, sizeof(*nat->ports_clients[i]));
		if (!nat->ports_clients[i] ||
		    nat_ports_init(&nat->ports[i], i == NAT_UDP ? HOLD_DOWN : 0,
				   nat->ports_clients[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

int nat_new(const struct nat_params *params, struct rng *rng, struct nat **ret)
{
	struct nat *nat;

	/* Mappings and flows share one range of timer ids. */
	if ((uint64_t)params->mappings_max + params->flows_max >= UINT32_MAX)
		return -ENOMEM;
	nat = calloc(1, sizeof(*nat));
	if (!nat)
		return -ENOMEM;
	nat->params = *params;
	nat->rng = rng;
	nat->key = hash_key_random(rng);
	if (tables_new(nat) < 0 || ports_new(nat) < 0 ||
	    nat_expiry_init(&nat->expiry, params->mappings_max + params->flows_max) < 0 ||
	    nat_fragments_init(&nat->fragments, &nat->key) < 0) {
		nat_free(nat);
		return -ENOMEM;
	}
	set_timeouts(nat);
	*ret = nat;
	return 0;
}

struct nat *nat_free(struct nat *nat)
{
	if (!nat)
		return NULL;
	nat_fragments_done(&nat->fragments);
	nat_expiry_done(&nat->expiry);
	for (int i = 0; i < N_NAT_PROTOCOLS; i++) {
		nat_ports_done(&nat->ports[i]);
		free(nat->ports_clients[i]);
	}
	free(nat->clients);
	free(nat->near_buckets);
	free(nat->flow_buckets);
	free(nat->flows);
	free(nat->mapping_buckets);
	free(nat->mappings);
	free(nat);
	return NULL;
}

int nat_lease_add(struct nat *nat, enum nat_protocol protocol, uint16_t first)
{
	return nat_ports_lease(&nat->ports[protocol], first);
}

int nat_lease_idle(struct nat *nat, enum nat_protocol protocol, uint32_t keep, uint64_t now)
{
	return nat_ports_idle(&nat->ports[protocol], keep, now);
}

bool nat_has_mapping(const struct nat *nat, enum nat_protocol protocol, uint16_t port)
{
	return nat_mapping_at(nat, protocol, port) != 0;
}

static uint32_t client_end(struct nat *nat, uint32_t client)
{
	struct client *c = &nat->clients[client];
	uint32_t n = 0;

	while (c->mappings) {
		/* Nothing has used the port since the last packet of all. */
		nat_mapping_end(nat, c->mappings, nat->now);
		n++;
	}
	return n;
}

uint32_t nat_set_address(struct nat *nat, uint32_t address)
{
	uint32_t n = 0;

	if (address == nat->params.address)
		return 0;
	for (uint32_t client = 0; client < nat->params.clients_max; client++)
		n += client_end(nat, client);
	for (int i = 0; i < N_NAT_PROTOCOLS; i++)
		nat_ports_clear(&nat->ports[i]);
	nat_fragments_clear(&nat->fragments);
	nat->params.address = address;
	return n;
}

uint32_t nat_client_remove(struct nat *nat, uint32_t client)
{
	uint32_t n;

	assert(client < nat->params.clients_max);
	n = client_end(nat, client);
	for (int i = 0; i < N_NAT_PROTOCOLS; i++)
		nat_ports_forget_client(&nat->ports[i], client);
	return n;
}

uint32_t nat_client_mappings(const struct nat *nat, uint32_t client)
{
	const struct client *c = &nat->clients[client];

	assert(client < nat->params.clients_max);
	return c->n_mappings[NAT_TCP] + c->n_mappings[NAT_UDP] + c->n_mappings[NAT_ICMP];
}

uint64_t nat_next_deadline(const struct nat *nat)
{
	uint64_t next = nat_expiry_next(&nat->expiry);

	if (next == NEVER)
		return NEVER;
	/* Whole seconds: mappings that end near each other share one waking. */
	return (next + EXPIRY_GRAIN - 1) / EXPIRY_GRAIN * EXPIRY_GRAIN;
}

/* A mapping lives as long as its longest flow; one with a timer of its own, as long as that. */
static void expire(struct nat *nat, uint32_t id, uint64_t now)
{
	uint32_t flow = id - nat->params.mappings_max;
	uint32_t mapping;

	if (id <= nat->params.mappings_max) {
		nat_mapping_end(nat, id, now);
		return;
	}
	mapping = nat->flows[flow].mapping;
	nat_flow_end(nat, flow);
	if (nat->mappings[mapping].protocol == NAT_TCP && nat->mappings[mapping].n_holding == 0)
		nat_mapping_end(nat, mapping, now);
}

void nat_reap(struct nat *nat, uint64_t now, uint32_t budget)
{
	uint32_t id;

	nat->now = now;
	for (; budget > 0 && (id = nat_expiry_due(&nat->expiry, now)) != 0; budget--)
		expire(nat, id, now);
}

void nat_on_deadline(struct nat *nat, uint64_t now, uint32_t budget)
{
	for (int i = 0; i < N_NAT_PROTOCOLS; i++)
		nat_ports_release(&nat->ports[i], now);
	nat_reap(nat, now, budget);
}

struct nat_counts nat_counts(const struct nat *nat, enum nat_protocol protocol)
{
	const struct ports *p = &nat->ports[protocol];

	return (struct nat_counts){
		.mappings = nat->n_mappings[protocol],
		.ports_leased = p->n_leased,
		.ports_free = p->n_free[0] + p->n_free[1],
	};
}
