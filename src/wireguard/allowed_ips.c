/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * allowed_ips.c - a binary trie with compressed paths, one root per family
 *
 * Keys are two 64-bit words with the address's first bit on top; IPv4 uses the upper half
 * of the first.  Nodes lie in one array, so that the whole table is two cache-friendly
 * allocations and children are indices.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/wire.h"
#include "wireguard/wireguard.h"

#define NO_NODE UINT32_MAX

struct key {
	uint64_t high, low;
};

struct node {
	struct key key;    /* its first `len` bits; the rest is zero */
	uint32_t child[2]; /* by the bit after them; NO_NODE for none */
	uint32_t peer;     /* WG_NO_PEER: a fork and no prefix */
	uint8_t len;
};

struct allowed_ips {
	struct node *nodes;
	uint32_t n;
	uint32_t room;
	uint32_t root4;
	uint32_t root6;
};

int allowed_ips_new(struct allowed_ips **ret)
{
	struct allowed_ips *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->root4 = NO_NODE;
	table->root6 = NO_NODE;
	*ret = table;
	return 0;
}

struct allowed_ips *allowed_ips_free(struct allowed_ips *table)
{
	if (table)
		free(table->nodes);
	free(table);
	return NULL;
}

static struct key key_of(const struct addr *a)
{
	return (struct key){ load_be64(a->bytes), load_be64(a->bytes + 8) };
}

static struct key masked(struct key k, unsigned int len)
{
	if (len < 64)
		return (struct key){ len == 0 ? 0 : k.high & ~UINT64_C(0) << (64 - len), 0 };
	if (len < 128)
		k.low = len == 64 ? 0 : k.low & ~UINT64_C(0) << (128 - len);
	return k;
}

static unsigned int bit_at(struct key k, unsigned int i)
{
	return (unsigned int)((i < 64 ? k.high >> (63 - i) : k.low >> (127 - i)) & 1);
}

/* The number of leading bits that two keys share. */
static unsigned int common(struct key a, struct key b)
{
	uint64_t high = a.high ^ b.high;
	uint64_t low = a.low ^ b.low;

	if (high != 0)
		return (unsigned int)__builtin_clzll(high);
	return low != 0 ? 64 + (unsigned int)__builtin_clzll(low) : 128;
}

static bool matches(const struct node *node, struct key k)
{
	return common(node->key, k) >= node->len;
}

/* Room for the two nodes that one prefix can need. */
static int reserve(struct allowed_ips *table)
{
	uint32_t room = table->room ? table->room * 2 : 16;
	struct node *nodes;

	if (table->n + 2 <= table->room)
		return 0;
	nodes = realloc(table->nodes, room * sizeof(*nodes));
	if (!nodes)
		return -ENOMEM;
	table->nodes = nodes;
	table->room = room;
	return 0;
}

static uint32_t new_node(struct allowed_ips *table, struct key k, unsigned int len, uint32_t peer)
{
	table->nodes[table->n] = (struct node){ .key = masked(k, len),
						.child = { NO_NODE, NO_NODE },
						.peer = peer,
						.len = (uint8_t)len };
	return table->n++;
}

int allowed_ips_add(struct allowed_ips *table, const struct prefix *prefix, uint32_t peer)
{
	bool ip4 = prefix->addr.family == ADDR_IP4;
	struct key k = masked(key_of(&prefix->addr), prefix->len);
	uint32_t *link = ip4 ? &table->root4 : &table->root6;
	unsigned int shared = 0;
	uint32_t made, above;
	struct node *at;
	int r = reserve(table);

	if (r < 0)
		return r;
	for (; *link != NO_NODE; link = &at->child[bit_at(k, at->len)]) {
		at = &table->nodes[*link];
		shared = common(at->key, k);
		if (shared > prefix->len)
			shared = prefix->len;
		if (shared < at->len || at->len == prefix->len)
			break;
	}
	if (*link != NO_NODE && shared >= table->nodes[*link].len) {
		table->nodes[*link].peer = peer; /* this very prefix */
		return 0;
	}
	made = new_node(table, k, prefix->len, peer);
	if (*link == NO_NODE) {
		*link = made;
		return 0;
	}
	above = made;
	if (shared < prefix->len) {
		/* Neither contains the other: a fork holds both. */
		above = new_node(table, k, shared, WG_NO_PEER);
		table->nodes[above].child[bit_at(k, shared)] = made;
	}
	table->nodes[above].child[bit_at(table->nodes[*link].key, shared)] = *link;
	*link = above;
	return 0;
}

static uint32_t find(const struct allowed_ips *table, uint32_t at, struct key k,
		     unsigned int max_len)
{
	uint32_t best = WG_NO_PEER;

	while (at != NO_NODE) {
		const struct node *node = &table->nodes[at];

		if (!matches(node, k))
			break;
		if (node->peer != WG_NO_PEER)
			best = node->peer;
		if (node->len == max_len)
			break;
		at = node->child[bit_at(k, node->len)];
	}
	return best;
}

uint32_t allowed_ips_find(const struct allowed_ips *table, const struct addr *addr)
{
	if (addr->family == ADDR_IP4)
		return find(table, table->root4, key_of(addr), 32);
	if (addr->family == ADDR_IP6)
		return find(table, table->root6, key_of(addr), 128);
	return WG_NO_PEER;
}

uint32_t allowed_ips_find_ip4(const struct allowed_ips *table, uint32_t ip4)
{
	return find(table, table->root4, (struct key){ (uint64_t)ip4 << 32, 0 }, 32);
}
