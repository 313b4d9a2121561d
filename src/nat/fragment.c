/* SPDX-License-Identifier: BSD-2-Clause */
#include "nat/fragment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int nat_fragments_init(struct fragments *f, const struct hash_key *key)
{
	f->key = *key;
	f->entries = calloc((size_t)FRAGMENT_SETS * FRAGMENT_WAYS, sizeof(*f->entries));
	return f->entries ? 0 : -ENOMEM;
}

void nat_fragments_done(struct fragments *f)
{
	free(f->entries);
	f->entries = NULL;
}

void nat_fragments_clear(struct fragments *f)
{
	memset(f->entries, 0, (size_t)FRAGMENT_SETS * FRAGMENT_WAYS * sizeof(*f->entries));
}

static struct fragment *set_of(const struct fragments *f, const struct fragment_key *key)
{
	uint64_t addresses = (uint64_t)key->src << 32 | key->dst;
	uint64_t rest = (uint64_t)key->outbound << 24 | (uint64_t)key->proto << 16 | key->id;
	uint32_t set = hash_words(&f->key, addresses, rest) % FRAGMENT_SETS;

	return &f->entries[set * FRAGMENT_WAYS];
}

static bool key_equal(const struct fragment_key *a, const struct fragment_key *b)
{
	return a->src == b->src && a->dst == b->dst && a->id == b->id && a->proto == b->proto &&
	       a->outbound == b->outbound;
}

void nat_fragments_note(struct fragments *f, const struct fragment_key *key, uint32_t address,
			uint64_t now)
{
	struct fragment *set = set_of(f, key);
	struct fragment *place = &set[0];

	for (int i = 0; i < FRAGMENT_WAYS; i++) {
		if (set[i].expires && key_equal(&set[i].key, key)) {
			place = &set[i];
			break;
		}
		if (set[i].expires < place->expires)
			place = &set[i];
	}
	*place = (struct fragment){
		.key = *key,
		.address = address,
		.expires = now + FRAGMENT_LIFE,
	};
}

bool nat_fragments_find(const struct fragments *f, const struct fragment_key *key, uint64_t now,
			uint32_t *ret)
{
	const struct fragment *set = set_of(f, key);

	for (int i = 0; i < FRAGMENT_WAYS; i++) {
		if (set[i].expires > now && key_equal(&set[i].key, key)) {
			*ret = set[i].address;
			return true;
		}
	}
	return false;
}
