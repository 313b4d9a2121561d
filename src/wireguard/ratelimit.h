/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ratelimit.h - handshake messages per source address, while under load
 *
 * 20 per second and bursts of 5 for each IPv4 address or IPv6 /64.  A fixed table: where
 * four sources share a place, the one with the most credit is forgotten first, which
 * costs nothing unless all four are over their limit.
 */
#ifndef CULVERT_WIREGUARD_RATELIMIT_H
#define CULVERT_WIREGUARD_RATELIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/rng.h"
#include "crypto/siphash.h"

#define RATELIMIT_INTERVAL (NS_PER_S / 20)
#define RATELIMIT_BURST    5
#define RATELIMIT_SETS     1024
#define RATELIMIT_WAYS     4

struct ratelimit_source {
	uint64_t tag;  /* keyed hash of the address */
	uint64_t full; /* ns: when its credit is whole again */
};

struct ratelimit {
	uint8_t key[SIPHASH_KEY_LEN];
	struct ratelimit_source sets[RATELIMIT_SETS][RATELIMIT_WAYS];
};

void ratelimit_init(struct ratelimit *r, struct rng *rng);

/** ratelimit_admit() - charges one message to @source; Return: whether it had credit */
bool ratelimit_admit(struct ratelimit *r, const struct addr *source, uint64_t now);

#endif
