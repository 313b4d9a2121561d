/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"

struct config *config_free(struct config *config)
{
	if (!config)
		return NULL;
	for (size_t i = 0; i < config->n_peers; i++)
		free(config->peers[i].allowed);
	if (config->peers)
		explicit_bzero(config->peers, config->n_peers * sizeof(*config->peers));
	free(config->peers);
	explicit_bzero(config, sizeof(*config));
	free(config);
	return NULL;
}

struct prefix config_gateway(const struct config *config)
{
	for (size_t i = 0; i < config->n_addresses; i++)
		if (config->addresses[i].addr.family == ADDR_IP4)
			return config->addresses[i];
	return (struct prefix){ .len = 0 };
}

bool config_is_client(const struct config *config)
{
	for (size_t i = 0; i < config->n_peers; i++)
		if (!config->peers[i].endpoint_host[0] && !config->peers[i].stream_host[0])
			return false;
	return config->n_peers > 0;
}

const char *config_peer_label(const struct config_peer *peer, char out[static CONFIG_NAME_MAX])
{
	char key[CONFIG_KEY_TEXT_MAX];

	if (peer->name[0])
		return strcpy(out, peer->name);
	config_key_format(peer->public_key, key);
	key[CONFIG_LABEL_KEY_CHARACTERS] = '\0';
	return strcpy(out, key);
}

bool config_peer_is(const struct config_peer *peer, const char *name)
{
	char label[CONFIG_NAME_MAX];
	uint8_t key[CONFIG_KEY_LEN];

	if (config_key_parse(name, key))
		return memcmp(key, peer->public_key, CONFIG_KEY_LEN) == 0;
	return strcmp(config_peer_label(peer, label), name) == 0;
}

const struct config_peer *config_find_peer(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_peers; i++)
		if (config->peers[i].name[0] && strcmp(config->peers[i].name, name) == 0)
			return &config->peers[i];
	for (size_t i = 0; i < config->n_peers; i++)
		if (config_peer_is(&config->peers[i], name))
			return &config->peers[i];
	return NULL;
}

/* Addresses from first to last, both taken. */
struct range {
	uint32_t first;
	uint32_t last;
};

static int by_first(const void *a, const void *b)
{
	const struct range *x = a;
	const struct range *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

static size_t add_range(struct range *ranges, size_t n, const struct prefix *p)
{
	uint32_t hosts = p->len == 32 ? 0 : UINT32_MAX >> p->len;

	ranges[n].first = addr_to_ip4(&p->addr) & ~hosts;
	ranges[n].last = ranges[n].first | hosts;
	return n + 1;
}

/* A peer that is routed the whole tunnel network or more takes no single address of it. */
static size_t taken_ranges(const struct config *config, uint8_t gateway_len, struct range *ranges)
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_addresses; i++) {
		struct prefix own = config->addresses[i];

		own.len = 32;
		if (own.addr.family == ADDR_IP4)
			n = add_range(ranges, n, &own);
	}
	for (size_t i = 0; i < config->n_peers; i++)
		for (size_t k = 0; k < config->peers[i].n_allowed; k++) {
			const struct prefix *p = &config->peers[i].allowed[k];

			if (p->addr.family == ADDR_IP4 && p->len > gateway_len)
				n = add_range(ranges, n, p);
		}
	return n;
}

int config_next_address(const struct config *config, struct addr *ret)
{
	struct prefix gateway = config_gateway(config);
	size_t room = config->n_addresses;
	struct range *ranges;
	uint32_t next, last;
	size_t n;

	if (gateway.addr.family == ADDR_NONE || gateway.len > 30 || gateway.len == 0)
		return -ENOSPC;
	for (size_t i = 0; i < config->n_peers; i++)
		room += config->peers[i].n_allowed;
	ranges = calloc(room, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	n = taken_ranges(config, gateway.len, ranges);
	qsort(ranges, n, sizeof(*ranges), by_first);
	last = (addr_to_ip4(&gateway.addr) | UINT32_MAX >> gateway.len) - 1;
	prefix_mask(&gateway);
	next = addr_to_ip4(&gateway.addr) + 1;
	/* No overflow: a range that ends at 255.255.255.255 leaves next at most last + 1. */
	for (size_t i = 0; i < n && next <= last; i++)
		if (ranges[i].first <= next && ranges[i].last >= next)
			next = ranges[i].last >= last ? last + 1 : ranges[i].last + 1;
	free(ranges);
	if (next > last)
		return -ENOSPC;
	*ret = addr_ip4(next);
	return 0;
}

struct addr config_client_ip6(const uint8_t gateway_public_key[static CONFIG_KEY_LEN], uint32_t ip4)
{
	struct addr a = { .family = ADDR_IP6 };

	/* RFC 4193 section 3.2.1: 40 bits that nobody else is likely to have; a public key's are. */
	a.bytes[0] = 0xfd;
	memcpy(a.bytes + 1, gateway_public_key, 5);
	store_be32(a.bytes + 12, ip4);
	return a;
}

bool config_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= CONFIG_NAME_MAX || !isalnum((unsigned char)name[0]))
		return false;
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c > 127 || (!isalnum((unsigned char)*c) && !strchr("-_.@", *c)))
			return false;
	return true;
}
