/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rng.h - randomness that is passed in
 *
 * Cores take a struct rng, so that a test replays a run from its seed.  In the
 * product the source is the kernel's generator (io/random.h).
 */
#ifndef CULVERT_BASE_RNG_H
#define CULVERT_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
	void (*fill)(struct rng *rng, void *out, size_t len); /* never fails */
	uint64_t state[2];                                    /* of the seeded source only */
};

/** rng_seeded() - a reproducible source for tests; never for keys */
struct rng rng_seeded(uint64_t seed);

void rng_fill(struct rng *rng, void *out, size_t len);
uint32_t rng_u32(struct rng *rng);

/** rng_below() - uniform in 0..n-1 without modulo bias; @n > 0 */
uint32_t rng_below(struct rng *rng, uint32_t n);

#endif
