/* SPDX-License-Identifier: BSD-2-Clause */
#include "crypto/blake2s.h"

#include <assert.h>
#include <string.h>

#include "base/wire.h"
#include "crypto/wipe.h"

/* RFC 7693 section 2.6. */
static const uint32_t iv[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

/* RFC 7693 section 2.7. */
static const uint8_t sigma[10][16] = {
	{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
	{ 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3 },
	{ 11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4 },
	{ 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8 },
	{ 9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13 },
	{ 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9 },
	{ 12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11 },
	{ 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10 },
	{ 6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5 },
	{ 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0 },
};

static inline uint32_t rotate(uint32_t v, unsigned int bits)
{
	return v >> bits | v << (32 - bits);
}

/* The function G of RFC 7693 section 3.1. */
static inline void mix(uint32_t v[static 16], int a, int b, int c, int d, uint32_t x, uint32_t y)
{
	v[a] += v[b] + x;
	v[d] = rotate(v[d] ^ v[a], 16);
	v[c] += v[d];
	v[b] = rotate(v[b] ^ v[c], 12);
	v[a] += v[b] + y;
	v[d] = rotate(v[d] ^ v[a], 8);
	v[c] += v[d];
	v[b] = rotate(v[b] ^ v[c], 7);
}

/* The function F of RFC 7693 section 3.2; @count includes this block. */
static void compress(uint32_t state[static 8], const uint8_t *block, uint64_t count, bool last)
{
	uint32_t m[16];
	uint32_t v[16];

	for (int i = 0; i < 16; i++)
		m[i] = load_le32(block + 4 * i);
	memcpy(v, state, 32);
	memcpy(v + 8, iv, 32);
	v[12] ^= (uint32_t)count;
	v[13] ^= (uint32_t)(count >> 32);
	if (last)
		v[14] = ~v[14];
	for (int r = 0; r < 10; r++) {
		const uint8_t *s = sigma[r];

		mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
		mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
		mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
		mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
		mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
		mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
		mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
		mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
	}
	for (int i = 0; i < 8; i++)
		state[i] ^= v[i] ^ v[i + 8];
}

void blake2s_init(struct blake2s *b, size_t out_len, const uint8_t *key, size_t key_len)
{
	assert(out_len >= 1 && out_len <= BLAKE2S_HASH_LEN && key_len <= BLAKE2S_KEY_MAX);
	memcpy(b->state, iv, sizeof(iv));
	b->state[0] ^= 0x01010000 ^ (uint32_t)key_len << 8 ^ (uint32_t)out_len;
	b->count = 0;
	b->in_block = 0;
	b->out_len = (uint32_t)out_len;
	if (key_len > 0) {
		memset(b->block, 0, sizeof(b->block));
		memcpy(b->block, key, key_len);
		b->in_block = BLAKE2S_BLOCK_LEN;
	}
}

void blake2s_update(struct blake2s *b, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len > 0) {
		size_t n = BLAKE2S_BLOCK_LEN - b->in_block;

		/* A full block waits until more comes: the last one is marked as such. */
		if (n == 0) {
			b->count += BLAKE2S_BLOCK_LEN;
			compress(b->state, b->block, b->count, false);
			b->in_block = 0;
			continue;
		}
		if (n > len)
			n = len;
		memcpy(b->block + b->in_block, p, n);
		b->in_block += (uint32_t)n;
		p += n;
		len -= n;
	}
}

void blake2s_final(struct blake2s *b, uint8_t *out)
{
	uint8_t hash[BLAKE2S_HASH_LEN];

	memset(b->block + b->in_block, 0, BLAKE2S_BLOCK_LEN - b->in_block);
	compress(b->state, b->block, b->count + b->in_block, true);
	for (int i = 0; i < 8; i++)
		store_le32(hash + 4 * i, b->state[i]);
	memcpy(out, hash, b->out_len);
	wipe(hash, sizeof(hash));
	wipe(b, sizeof(*b));
}

void blake2s_hash(uint8_t out[static BLAKE2S_HASH_LEN], const void *a, size_t a_len, const void *b,
		  size_t b_len)
{
	struct blake2s ctx;

	blake2s_init(&ctx, BLAKE2S_HASH_LEN, NULL, 0);
	blake2s_update(&ctx, a, a_len);
	blake2s_update(&ctx, b, b_len);
	blake2s_final(&ctx, out);
}

void blake2s_mac(uint8_t out[static BLAKE2S_MAC_LEN], const uint8_t *key, size_t key_len,
		 const void *data, size_t len)
{
	struct blake2s ctx;

	blake2s_init(&ctx, BLAKE2S_MAC_LEN, key, key_len);
	blake2s_update(&ctx, data, len);
	blake2s_final(&ctx, out);
}
