/* SPDX-License-Identifier: BSD-2-Clause */
#include "wireguard/ratelimit.h"

void ratelimit_init(struct ratelimit *r, struct rng *rng)
{
	*r = (struct ratelimit){ .key = { 0 } };
	rng_fill(rng, r->key, sizeof(r->key));
}

/*
 * Instead of counting tokens: each message moves the time at which the bucket is full
 * again by one interval, and a bucket is empty when that is a burst away.
 */
bool ratelimit_admit(struct ratelimit *r, const struct addr *source, uint64_t now)
{
	size_t n = source->family == ADDR_IP4 ? 4 : 8;
	uint64_t tag = siphash(r->key, source->bytes, n) ^ source->family;
	struct ratelimit_source *set = r->sets[tag % RATELIMIT_SETS];
	struct ratelimit_source *s = &set[0];
	uint64_t from;

	for (int i = 0; i < RATELIMIT_WAYS; i++) {
		if (set[i].tag == tag) {
			s = &set[i];
			break;
		}
		if (set[i].full < s->full)
			s = &set[i];
	}
	if (s->tag != tag)
		*s = (struct ratelimit_source){ .tag = tag };
	from = s->full > now ? s->full : now;
	if (from - now > (RATELIMIT_BURST - 1) * RATELIMIT_INTERVAL)
		return false;
	s->full = from + RATELIMIT_INTERVAL;
	return true;
}
