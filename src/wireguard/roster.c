/* SPDX-License-Identifier: BSD-2-Clause */
#include "wireguard/roster.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/siphash.h"
#include "crypto/wipe.h"

struct roster {
	uint32_t peers_max;
	struct rng *rng;
	struct hs_peer *peers;
	struct index_table *indices;
	uint8_t hash_key[SIPHASH_KEY_LEN];
	uint32_t mask;
	uint32_t *by_key; /* open addressing: peer + 1, 0 is free */
};

int wg_roster_new(uint32_t peers_max, struct rng *rng, struct roster **ret)
{
	struct roster *r = calloc(1, sizeof(*r));
	size_t size = 16;

	if (!r)
		return -ENOMEM;
	while (size < (size_t)peers_max * 2)
		size *= 2;
	*r = (struct roster){ .peers_max = peers_max, .rng = rng, .mask = (uint32_t)(size - 1) };
	rng_fill(rng, r->hash_key, sizeof(r->hash_key));
	r->peers = calloc(peers_max ? peers_max : 1, sizeof(*r->peers));
	r->by_key = calloc(size, sizeof(*r->by_key));
	if (!r->peers || !r->by_key ||
	    index_table_new(peers_max * ROSTER_INDICES, &r->indices) < 0) {
		wg_roster_free(r);
		return -ENOMEM;
	}
	*ret = r;
	return 0;
}

struct roster *wg_roster_free(struct roster *r)
{
	if (!r)
		return NULL;
	for (uint32_t i = 0; r->peers && i < r->peers_max; i++) {
		if (r->peers[i].present)
			wipe(&r->peers[i], sizeof(r->peers[i]));
	}
	free(r->peers);
	free(r->by_key);
	index_table_free(r->indices);
	free(r);
	return NULL;
}

struct hs_peer *wg_roster_peer(const struct roster *r, uint32_t peer)
{
	if (peer >= r->peers_max || !r->peers[peer].present)
		return NULL;
	return &r->peers[peer];
}

static uint32_t home(const struct roster *r, const uint8_t *public_key)
{
	return (uint32_t)siphash(r->hash_key, public_key, WG_KEY_LEN) & r->mask;
}

/* Where the key stands, or the free place where it belongs. */
static uint32_t place_of(const struct roster *r, const uint8_t *public_key)
{
	uint32_t i = home(r, public_key);

	while (r->by_key[i] != 0 &&
	       memcmp(r->peers[r->by_key[i] - 1].noise.public_key, public_key, WG_KEY_LEN) != 0)
		i = (i + 1) & r->mask;
	return i;
}

uint32_t wg_roster_find_key(const struct roster *r, const uint8_t public_key[static WG_KEY_LEN])
{
	return r->by_key[place_of(r, public_key)] - 1;
}

uint32_t wg_roster_find_index(const struct roster *r, uint32_t index)
{
	return index_table_get(r->indices, index);
}

struct hs_peer *wg_roster_add(struct roster *r, uint32_t peer,
			      const uint8_t public_key[static WG_KEY_LEN])
{
	struct hs_peer *p = &r->peers[peer];

	assert(peer < r->peers_max && !p->present);
	*p = (struct hs_peer){ .present = true };
	memcpy(p->noise.public_key, public_key, WG_KEY_LEN);
	r->by_key[place_of(r, public_key)] = peer + 1;
	return p;
}

/* Moves followers up into the hole, so that probing never needs tombstones. */
static void forget_key(struct roster *r, uint32_t hole)
{
	for (uint32_t i = (hole + 1) & r->mask; r->by_key[i] != 0; i = (i + 1) & r->mask) {
		uint32_t at_home = home(r, r->peers[r->by_key[i] - 1].noise.public_key);

		if (((i - at_home) & r->mask) >= ((i - hole) & r->mask)) {
			r->by_key[hole] = r->by_key[i];
			hole = i;
		}
	}
	r->by_key[hole] = 0;
}

void wg_roster_remove(struct roster *r, uint32_t peer)
{
	struct hs_peer *p = wg_roster_peer(r, peer);

	if (!p)
		return;
	forget_key(r, place_of(r, p->noise.public_key));
	for (int i = 0; i < p->n_indices; i++)
		index_table_remove(r->indices, p->indices[i], peer);
	wipe(p, sizeof(*p));
}

/* 24 random bits, and a slot has at most 1024 indices of 256 peers: it soon ends. */
static uint32_t unused_index(const struct roster *r, uint32_t peer)
{
	uint32_t index;

	do
		index = (rng_u32(r->rng) & ~(uint32_t)(WG_SLOTS - 1)) | peer % WG_SLOTS;
	while (index_table_get(r->indices, index) != INDEX_NONE);
	return index;
}

static uint32_t put_index(struct roster *r, uint32_t peer, uint32_t place)
{
	struct hs_peer *p = &r->peers[peer];

	if (place < p->n_indices)
		index_table_remove(r->indices, p->indices[place], peer);
	else
		p->n_indices++;
	p->indices[place] = unused_index(r, peer);
	index_table_put(r->indices, p->indices[place], peer);
	return p->indices[place];
}

uint32_t wg_roster_new_index(struct roster *r, uint32_t peer)
{
	struct hs_peer *p = &r->peers[peer];
	uint32_t place = p->next_index;

	p->next_index = (uint8_t)((place + 1) % ROSTER_INDICES);
	return put_index(r, peer, place);
}

uint32_t wg_roster_replace_index(struct roster *r, uint32_t peer, uint32_t old)
{
	const struct hs_peer *p = &r->peers[peer];

	for (uint32_t i = 0; i < p->n_indices; i++) {
		if (p->indices[i] == old)
			return put_index(r, peer, i);
	}
	return wg_roster_new_index(r, peer);
}
