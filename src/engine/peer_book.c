/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/peer_book.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "crypto/wipe.h"
#include "crypto/x25519.h"

/* Public keys look random already, and buckets are as many as peers at most. */
static uint32_t *bucket_of(const struct peer_book *b, const uint8_t *public_key)
{
	return &b->by_key[load_le32(public_key) % b->peers_max];
}

int peer_book_new(uint32_t peers_max, struct peer_book **ret)
{
	struct peer_book *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->peers_max = peers_max;
	b->peers = calloc(peers_max, sizeof(*b->peers));
	b->by_key = malloc(peers_max * sizeof(*b->by_key));
	if (!b->peers || !b->by_key || allowed_list_new(peers_max, &b->allowed) < 0) {
		peer_book_free(b);
		return -ENOMEM;
	}
	memset(b->by_key, 0xff, peers_max * sizeof(*b->by_key)); /* WG_NO_PEER */
	*ret = b;
	return 0;
}

struct peer_book *peer_book_free(struct peer_book *b)
{
	if (!b)
		return NULL;
	if (b->peers)
		wipe(b->peers, b->peers_max * sizeof(*b->peers));
	free(b->peers);
	free(b->by_key);
	allowed_list_free(b->allowed);
	free(b);
	return NULL;
}

int peer_book_copy(const struct peer_book *from, struct peer_book **ret)
{
	struct allowed_list *allowed;
	struct peer_book *b;
	int r = peer_book_new(from->peers_max, &b);

	if (r < 0)
		return r;
	r = allowed_list_copy(from->allowed, &allowed);
	if (r < 0) {
		peer_book_free(b);
		return r;
	}
	allowed_list_free(b->allowed);
	b->allowed = allowed;
	b->n = from->n;
	b->unused = from->unused;
	b->incarnations = from->incarnations;
	memcpy(b->peers, from->peers, b->peers_max * sizeof(*b->peers));
	memcpy(b->by_key, from->by_key, b->peers_max * sizeof(*b->by_key));
	for (uint32_t i = 0; i < b->peers_max; i++)
		b->peers[i].endpoint = (struct endpoint){ .port = 0 };
	*ret = b;
	return 0;
}

uint32_t peer_book_find(const struct peer_book *b, const uint8_t public_key[static WG_KEY_LEN])
{
	uint32_t i = *bucket_of(b, public_key);

	while (i != WG_NO_PEER && memcmp(b->peers[i].public_key, public_key, WG_KEY_LEN) != 0)
		i = b->peers[i].next_by_key;
	return i;
}

static void remove_peer(struct peer_book *b, uint32_t peer)
{
	struct book_peer *p = &b->peers[peer];
	uint32_t *link = bucket_of(b, p->public_key);

	while (*link != peer)
		link = &b->peers[*link].next_by_key;
	*link = p->next_by_key;
	allowed_list_clear(b->allowed, peer);
	wipe(p, sizeof(*p));
	b->n--;
	if (peer < b->unused)
		b->unused = peer;
}

/* Of low order: no secret can be agreed on, whatever our own key is. */
static bool is_bad_key(const uint8_t public_key[static WG_KEY_LEN])
{
	static const uint8_t any[WG_KEY_LEN] = { 8 };
	uint8_t shared[WG_KEY_LEN];

	return !x25519(shared, any, public_key);
}

static int add_peer(struct peer_book *b, const uint8_t *public_key, uint32_t *ret)
{
	uint32_t *bucket = bucket_of(b, public_key);
	struct book_peer *p;
	uint32_t i = b->unused;

	if (b->n == b->peers_max)
		return -ENOSPC;
	if (is_bad_key(public_key))
		return -EINVAL;
	while (b->peers[i].used)
		i++;
	b->unused = i + 1;
	p = &b->peers[i];
	*p = (struct book_peer){ .used = true,
				 .incarnation = ++b->incarnations,
				 .next_by_key = *bucket };
	memcpy(p->public_key, public_key, WG_KEY_LEN);
	*bucket = i;
	b->n++;
	*ret = i;
	return 0;
}

static int change_peer(struct peer_book *b, uint32_t peer, const struct uapi_peer_set *set)
{
	struct book_peer *p = &b->peers[peer];
	int r = 0;

	if (set->has_preshared_key)
		memcpy(p->preshared_key, set->preshared_key, WG_KEY_LEN);
	if (set->has_keepalive)
		p->keepalive = set->keepalive;
	if (set->has_endpoint)
		p->endpoint = set->endpoint;
	if (set->replace_allowed_ips)
		allowed_list_clear(b->allowed, peer);
	for (size_t i = 0; i < set->n_disallowed; i++)
		allowed_list_take(b->allowed, &set->disallowed[i], peer);
	for (size_t i = 0; i < set->n_allowed && r >= 0; i++)
		r = allowed_list_give(b->allowed, &set->allowed[i], peer);
	return r;
}

static int apply_peer(struct peer_book *b, const struct uapi_peer_set *set, const uint8_t *self)
{
	uint32_t peer;
	int r = 0;

	if (self && memcmp(set->public_key, self, WG_KEY_LEN) == 0)
		return 0;
	peer = peer_book_find(b, set->public_key);
	if (set->remove) {
		if (peer != WG_NO_PEER)
			remove_peer(b, peer);
		return 0;
	}
	if (peer == WG_NO_PEER && set->update_only)
		return 0;
	if (peer == WG_NO_PEER)
		r = add_peer(b, set->public_key, &peer);
	return r < 0 ? r : change_peer(b, peer, set);
}

static void remove_all(struct peer_book *b)
{
	for (uint32_t i = 0; i < b->peers_max; i++) {
		if (b->peers[i].used)
			remove_peer(b, i);
	}
}

int peer_book_apply(struct peer_book *b, const struct uapi_set *set, const uint8_t *self)
{
	uint32_t own = self ? peer_book_find(b, self) : WG_NO_PEER;
	int r = 0;

	if (own != WG_NO_PEER)
		remove_peer(b, own);
	if (set->replace_peers)
		remove_all(b);
	for (size_t i = 0; i < set->n_peers && r >= 0; i++)
		r = apply_peer(b, &set->peers[i], self);
	return r;
}
