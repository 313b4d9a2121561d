/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/wire.h"

#define INSIDE_MTU_DEFAULT 1420 /* 1500 less IPv6, UDP and WireGuard: what wg-quick takes */

/* Where a key is, or the empty place where it would go.  Public keys look random already. */
static uint32_t *place_of(const struct table *table, const uint8_t *public_key)
{
	uint32_t mask = table->by_key_mask;
	uint32_t i = load_le32(public_key) & mask;

	while (table->by_key[i] != WG_NO_PEER &&
	       memcmp(table->peers[table->by_key[i]].public_key, public_key, WG_KEY_LEN) != 0)
		i = (i + 1) & mask;
	return &table->by_key[i];
}

uint32_t engine_table_find(const struct table *table, const uint8_t public_key[static WG_KEY_LEN])
{
	return *place_of(table, public_key);
}

/* At most half full, so that probing ends soon. */
static int new_index(struct table *table)
{
	uint32_t size = 16;

	while (size < 2 * table->peers_max)
		size *= 2;
	table->by_key = malloc(size * sizeof(*table->by_key));
	if (!table->by_key)
		return -ENOMEM;
	memset(table->by_key, 0xff, size * sizeof(*table->by_key));
	table->by_key_mask = size - 1;
	return 0;
}

static int fill_peer(struct table *table, uint32_t number, const struct peer_spec *spec)
{
	struct table_peer *peer = &table->peers[number];

	peer->used = true;
	peer->runtime = spec->runtime;
	strncpy(peer->name, spec->name, sizeof(peer->name) - 1);
	memcpy(peer->public_key, spec->public_key, WG_KEY_LEN);
	*place_of(table, peer->public_key) = number;
	memcpy(peer->preshared_key, spec->preshared_key, WG_KEY_LEN);
	peer->keepalive = spec->keepalive;
	peer->has_endpoint = spec->has_endpoint;
	peer->endpoint = spec->endpoint;
	if (number >= table->n_slots)
		table->n_slots = number + 1;
	peer->allowed = calloc(spec->n_allowed ? spec->n_allowed : 1, sizeof(*peer->allowed));
	if (!peer->allowed)
		return -ENOMEM;
	for (size_t i = 0; i < spec->n_allowed; i++) {
		int r = allowed_ips_add(table->allowed, &spec->allowed[i], number);

		if (r < 0)
			return r;
		peer->allowed[peer->n_allowed++] = spec->allowed[i];
	}
	return 0;
}

/*
 * Peers that stay keep their numbers; only then do new ones take what is free.  A number that
 * changes hands gets a new incarnation, by which workers notice it.
 */
static int number_peers(struct table *table, const struct table *old, const struct peer_spec *specs,
			size_t n_specs)
{
	uint32_t number_free = 0;
	int r = 0;

	for (size_t i = 0; i < n_specs && old && r >= 0; i++) {
		uint32_t number = engine_table_find(old, specs[i].public_key);

		if (number == WG_NO_PEER)
			continue;
		table->peers[number].incarnation = old->peers[number].incarnation;
		r = fill_peer(table, number, &specs[i]);
	}
	for (size_t i = 0; i < n_specs && r >= 0; i++) {
		if (old && engine_table_find(old, specs[i].public_key) != WG_NO_PEER)
			continue;
		while (number_free < table->peers_max && table->peers[number_free].used)
			number_free++;
		if (number_free == table->peers_max)
			return -ENOSPC;
		if (old)
			table->peers[number_free].incarnation =
				old->peers[number_free].incarnation + 1;
		r = fill_peer(table, number_free, &specs[i]);
	}
	if (old && old->n_slots > table->n_slots)
		table->n_slots = old->n_slots;
	for (uint32_t i = 0; old && i < old->n_slots; i++)
		if (!table->peers[i].used)
			table->peers[i].incarnation = old->peers[i].incarnation;
	return r;
}

static int build_router(struct table *table, const struct config *config,
			const struct uplink *uplink, const struct uplink_host *host)
{
	struct policy_rule rules[CONFIG_RULES_MAX];

	for (size_t i = 0; i < config->n_rules; i++)
		rules[i] = (struct policy_rule){ config->rules[i].prefix, config->rules[i].allow };
	struct router_params params = {
		.gateway = table->gateway,
		.tunnel = table->tunnel,
		.external = uplink->address,
		.isolate_clients = config->isolate_clients,
		.rules = rules,
		.n_rules = config->n_rules,
		.host_addresses = host->addresses,
		.n_host_addresses = host->n_addresses,
		.other_links = host->other_links,
		.n_other_links = host->n_other_links,
	};

	return router_new(&params, &table->router);
}

int engine_table_new(const struct table *old, const struct config *config,
		     const struct uplink *uplink, const struct uplink_host *host,
		     const struct peer_spec *specs, size_t n_specs, uint32_t peers_max,
		     struct table **ret)
{
	struct prefix gateway = config_gateway(config);
	struct table *table = calloc(1, sizeof(*table));
	int r = -ENOMEM;

	if (!table)
		return -ENOMEM;
	table->generation = old ? old->generation + 1 : 1;
	table->peers_max = peers_max;
	table->peers = calloc(peers_max, sizeof(*table->peers));
	table->gateway = addr_to_ip4(&gateway.addr);
	table->tunnel = gateway;
	prefix_mask(&table->tunnel);
	table->mtu = config->mtu ? config->mtu : INSIDE_MTU_DEFAULT;
	table->dns = config->dns;
	if (old)
		table->dns_tcp_port = old->dns_tcp_port;
	if (!table->peers || new_index(table) < 0)
		goto err_table;
	r = allowed_ips_new(&table->allowed);
	if (r < 0)
		goto err_table;
	r = number_peers(table, old, specs, n_specs);
	if (r < 0)
		goto err_table;
	r = build_router(table, config, uplink, host);
	if (r < 0)
		goto err_table;
	*ret = table;
	return 0;
err_table:
	engine_table_free(table);
	return r;
}

struct table *engine_table_free(struct table *table)
{
	if (!table)
		return NULL;
	for (uint32_t i = 0; table->peers && i < table->n_slots; i++)
		free(table->peers[i].allowed);
	if (table->peers)
		sodium_memzero(table->peers, table->n_slots * sizeof(*table->peers));
	free(table->peers);
	free(table->by_key);
	allowed_ips_free(table->allowed);
	router_free(table->router);
	free(table);
	return NULL;
}
