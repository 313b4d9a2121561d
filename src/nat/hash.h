/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hash.h - the keyed hash of the NAT's tables
 *
 * SipHash-2-4: clients choose their ports and remotes, and without the key they
 * cannot choose which of them collide.
 */
#ifndef CULVERT_NAT_HASH_H
#define CULVERT_NAT_HASH_H

#include <stdint.h>

#include "base/rng.h"
#include "crypto/siphash.h"

struct hash_key {
	uint8_t bytes[SIPHASH_KEY_LEN];
};

static inline struct hash_key hash_key_random(struct rng *rng)
{
	struct hash_key key;

	rng_fill(rng, key.bytes, sizeof(key.bytes));
	return key;
}

/** hash_words() - of two words; the tables of this module have no longer keys */
static inline uint32_t hash_words(const struct hash_key *key, uint64_t a, uint64_t b)
{
	uint64_t in[2] = { a, b };

	return (uint32_t)siphash(key->bytes, in, sizeof(in));
}

/** hash_size() - the power of two that is at least @n, so that chains stay short */
static inline uint32_t hash_size(uint32_t n)
{
	uint32_t size = 16;

	while (size < n && size < UINT32_C(1) << 31)
		size *= 2;
	return size;
}

#endif
