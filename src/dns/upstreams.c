/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/clock.h"
#include "dns/dns.h"

#define DEAD_AFTER  3u             /* attempts in a row without an answer */
#define PROBE_EVERY (5 * NS_PER_S) /* of a dead one, and only while somebody asks something */

uint8_t dns_upstreams_choose(const struct dns_upstreams *ups, uint32_t tried)
{
	uint8_t dead = DNS_NO_UPSTREAM;

	for (uint8_t i = 0; i < ups->n; i++) {
		if (tried & 1u << i)
			continue;
		if (ups->at[i].alive)
			return i;
		if (dead == DNS_NO_UPSTREAM)
			dead = i;
	}
	return dead;
}

uint8_t dns_upstreams_probe(struct dns_upstreams *ups, uint32_t tried, uint64_t now)
{
	for (uint8_t i = 0; i < ups->n; i++) {
		struct dns_upstream *up = &ups->at[i];

		if (up->alive || (tried & 1u << i) || now < up->probe_at)
			continue;
		up->probe_at = now + PROBE_EVERY;
		return i;
	}
	return DNS_NO_UPSTREAM;
}

void dns_upstream_answered(struct dns_upstreams *ups, uint8_t i, uint64_t rtt)
{
	struct dns_upstream *up = &ups->at[i];

	/* One eighth of each new value, as TCP smooths its own (RFC 6298 section 2). */
	up->rtt = up->rtt == 0 ? rtt : up->rtt - up->rtt / 8 + rtt / 8;
	up->missed = 0;
	up->alive = true;
}

void dns_upstream_missed(struct dns_upstreams *ups, uint8_t i, uint64_t now)
{
	struct dns_upstream *up = &ups->at[i];

	up->failures++;
	up->missed++;
	if (up->missed < DEAD_AFTER || !up->alive)
		return;
	up->alive = false;
	up->probe_at = now + PROBE_EVERY;
}
