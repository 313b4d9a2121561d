/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/rng.h"

#include <string.h>

/* xoroshiro128+: small, well studied, and only for tests. */
static uint64_t seeded_next(struct rng *rng)
{
	uint64_t a = rng->state[0];
	uint64_t b = rng->state[1];
	uint64_t sum = a + b;

	b ^= a;
	rng->state[0] = (a << 24 | a >> 40) ^ b ^ b << 16;
	rng->state[1] = b << 37 | b >> 27;
	return sum;
}

static void seeded_fill(struct rng *rng, void *out, size_t len)
{
	uint8_t *p = out;

	while (len > 0) {
		uint64_t v = seeded_next(rng);
		size_t n = len < sizeof(v) ? len : sizeof(v);

		memcpy(p, &v, n);
		p += n;
		len -= n;
	}
}

struct rng rng_seeded(uint64_t seed)
{
	struct rng rng = {
		.fill = seeded_fill,
		.state = { seed ^ UINT64_C(0x9e3779b97f4a7c15),
			   seed + UINT64_C(0xbf58476d1ce4e5b9) },
	};

	for (int i = 0; i < 16; i++)
		(void)seeded_next(&rng);
	return rng;
}

void rng_fill(struct rng *rng, void *out, size_t len)
{
	rng->fill(rng, out, len);
}

uint32_t rng_u32(struct rng *rng)
{
	uint32_t v;

	rng_fill(rng, &v, sizeof(v));
	return v;
}

uint32_t rng_below(struct rng *rng, uint32_t n)
{
	uint32_t limit = UINT32_MAX - UINT32_MAX % n;
	uint32_t v;

	do
		v = rng_u32(rng);
	while (v >= limit);
	return v % n;
}
