/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/allowed_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"

#define NONE       UINT32_MAX
#define FIRST_SIZE 64u

/* One prefix: in its owner's list, and in the bucket of its hash. */
struct entry {
	struct prefix prefix;
	uint32_t owner; /* NONE: unused, and next leads to another unused one */
	uint32_t next, previous;
	uint32_t next_in_bucket;
};

struct owner {
	uint32_t first, last; /* NONE: no prefix */
	uint32_t n;
};

struct allowed_list {
	uint32_t peers_max;
	struct owner *owners;
	struct entry *entries;
	uint32_t *buckets; /* as many as there is room for entries: a power of two */
	uint32_t room;
	uint32_t unused; /* list */
};

int allowed_list_new(uint32_t peers_max, struct allowed_list **ret)
{
	struct allowed_list *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->peers_max = peers_max;
	l->unused = NONE;
	l->owners = malloc((peers_max ? peers_max : 1) * sizeof(*l->owners));
	if (!l->owners) {
		free(l);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < peers_max; i++)
		l->owners[i] = (struct owner){ NONE, NONE, 0 };
	*ret = l;
	return 0;
}

struct allowed_list *allowed_list_free(struct allowed_list *l)
{
	if (l) {
		free(l->owners);
		free(l->entries);
		free(l->buckets);
	}
	free(l);
	return NULL;
}

int allowed_list_copy(const struct allowed_list *from, struct allowed_list **ret)
{
	struct allowed_list *l;
	int r = allowed_list_new(from->peers_max, &l);

	if (r < 0)
		return r;
	memcpy(l->owners, from->owners, from->peers_max * sizeof(*l->owners));
	if (from->room > 0) {
		l->entries = malloc(from->room * sizeof(*l->entries));
		l->buckets = malloc(from->room * sizeof(*l->buckets));
		if (!l->entries || !l->buckets) {
			allowed_list_free(l);
			return -ENOMEM;
		}
		memcpy(l->entries, from->entries, from->room * sizeof(*l->entries));
		memcpy(l->buckets, from->buckets, from->room * sizeof(*l->buckets));
		l->room = from->room;
		l->unused = from->unused;
	}
	*ret = l;
	return 0;
}

/* Each bit of the result depends on all: prefixes differ in their first bits, buckets in the last. */
static uint64_t mixed(uint64_t h)
{
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return h ^ h >> 32;
}

/* Unkeyed: whoever may set prefixes may do worse than make them collide. */
static uint32_t *bucket_of(const struct allowed_list *l, const struct prefix *p)
{
	uint64_t h = mixed(load_be64(p->addr.bytes)) ^ load_be64(p->addr.bytes + 8);

	h = mixed(h + p->len + ((uint64_t)p->addr.family << 8));
	return &l->buckets[h & (l->room - 1)];
}

static int grow(struct allowed_list *l)
{
	uint32_t room = l->room ? l->room * 2 : FIRST_SIZE;
	struct entry *entries = realloc(l->entries, room * sizeof(*entries));
	uint32_t *buckets;

	if (!entries)
		return -ENOMEM;
	l->entries = entries;
	buckets = malloc(room * sizeof(*buckets));
	if (!buckets)
		return -ENOMEM;
	free(l->buckets);
	l->buckets = buckets;
	memset(buckets, 0xff, room * sizeof(*buckets)); /* NONE */
	for (uint32_t i = l->room; i < room; i++) {
		entries[i] = (struct entry){ .owner = NONE, .next = l->unused };
		l->unused = i;
	}
	l->room = room;
	for (uint32_t i = 0; i < room; i++) {
		uint32_t *bucket;

		if (entries[i].owner == NONE)
			continue;
		bucket = bucket_of(l, &entries[i].prefix);
		entries[i].next_in_bucket = *bucket;
		*bucket = i;
	}
	return 0;
}

/* The link that leads to the entry of @p, or the last one of its bucket. */
static uint32_t *find(const struct allowed_list *l, const struct prefix *p)
{
	uint32_t *link = bucket_of(l, p);

	while (*link != NONE) {
		struct entry *e = &l->entries[*link];

		if (e->prefix.len == p->len && addr_equal(&e->prefix.addr, &p->addr))
			break;
		link = &e->next_in_bucket;
	}
	return link;
}

static void unlink_from_owner(struct allowed_list *l, uint32_t i)
{
	struct entry *e = &l->entries[i];
	struct owner *o = &l->owners[e->owner];

	if (e->previous == NONE)
		o->first = e->next;
	else
		l->entries[e->previous].next = e->next;
	if (e->next == NONE)
		o->last = e->previous;
	else
		l->entries[e->next].previous = e->previous;
	o->n--;
}

static void append_to_owner(struct allowed_list *l, uint32_t i, uint32_t peer)
{
	struct entry *e = &l->entries[i];
	struct owner *o = &l->owners[peer];

	e->owner = peer;
	e->next = NONE;
	e->previous = o->last;
	if (o->last == NONE)
		o->first = i;
	else
		l->entries[o->last].next = i;
	o->last = i;
	o->n++;
}

int allowed_list_give(struct allowed_list *l, const struct prefix *prefix, uint32_t peer)
{
	struct prefix p = *prefix;
	uint32_t *link;
	uint32_t i;

	if (l->unused == NONE) {
		int r = grow(l);

		if (r < 0)
			return r;
	}
	prefix_mask(&p);
	link = find(l, &p);
	if (*link != NONE) {
		i = *link;
		if (l->entries[i].owner == peer)
			return 0;
		unlink_from_owner(l, i);
	} else {
		i = l->unused;
		l->unused = l->entries[i].next;
		l->entries[i] = (struct entry){ .prefix = p, .next_in_bucket = NONE };
		*link = i;
	}
	append_to_owner(l, i, peer);
	return 0;
}

/* Removes the entry that @link, one of its bucket's, leads to. */
static void forget(struct allowed_list *l, uint32_t *link)
{
	uint32_t i = *link;
	struct entry *e = &l->entries[i];

	unlink_from_owner(l, i);
	*link = e->next_in_bucket;
	*e = (struct entry){ .owner = NONE, .next = l->unused };
	l->unused = i;
}

void allowed_list_take(struct allowed_list *l, const struct prefix *prefix, uint32_t peer)
{
	struct prefix p = *prefix;
	uint32_t *link;

	if (l->room == 0)
		return;
	prefix_mask(&p);
	link = find(l, &p);
	if (*link != NONE && l->entries[*link].owner == peer)
		forget(l, link);
}

void allowed_list_clear(struct allowed_list *l, uint32_t peer)
{
	const struct owner *o = &l->owners[peer];

	while (o->first != NONE)
		forget(l, find(l, &l->entries[o->first].prefix));
}

size_t allowed_list_count(const struct allowed_list *l, uint32_t peer)
{
	return l->owners[peer].n;
}

void allowed_list_get(const struct allowed_list *l, uint32_t peer, struct prefix *ret)
{
	for (uint32_t i = l->owners[peer].first; i != NONE; i = l->entries[i].next)
		*ret++ = l->entries[i].prefix;
}

int allowed_list_build(const struct allowed_list *l, struct allowed_ips **ret)
{
	struct allowed_ips *table;
	int r = allowed_ips_new(&table);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < l->room && r >= 0; i++) {
		if (l->entries[i].owner != NONE)
			r = allowed_ips_add(table, &l->entries[i].prefix, l->entries[i].owner);
	}
	if (r < 0)
		allowed_ips_free(table);
	else
		*ret = table;
	return r;
}
