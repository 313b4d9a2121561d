/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fragment.h - where the later fragments of a datagram go
 *
 * Only the first fragment has ports.  Its translation is kept under (source,
 * destination, protocol, identification) for FRAGMENT_LIFE, and the later ones
 * follow it.  The table is small, fixed and keyed; a full set replaces its oldest
 * entry, so that a flood costs the flooded their fragments and nobody memory.
 *
 * Pure; private to nat/.  Source: RFC 4787 REQ-14, REQ-14a; RFC 791 section 3.2.
 */
#ifndef CULVERT_NAT_FRAGMENT_H
#define CULVERT_NAT_FRAGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "nat/hash.h"

#define FRAGMENT_LIFE (30 * NS_PER_S) /* RFC 1122 section 3.3.2 has 60 to 120 s at the receiver */
#define FRAGMENT_SETS 256
#define FRAGMENT_WAYS 4

/* As it arrived, before translation. */
struct fragment_key {
	uint32_t src;
	uint32_t dst;
	uint16_t id;
	uint8_t proto;
	bool outbound; /* the two directions never answer for each other */
};

struct fragment {
	struct fragment_key key;
	uint32_t address; /* the new source (outbound) or destination (inbound) */
	uint64_t expires; /* ns; 0: vacant */
};

struct fragments {
	struct fragment *entries; /* FRAGMENT_SETS of FRAGMENT_WAYS */
	struct hash_key key;
};

/** nat_fragments_init() - Return: 0, or -ENOMEM */
int nat_fragments_init(struct fragments *f, const struct hash_key *key);
void nat_fragments_done(struct fragments *f);
void nat_fragments_clear(struct fragments *f);

/** nat_fragments_note() - a first fragment was translated to @address */
void nat_fragments_note(struct fragments *f, const struct fragment_key *key, uint32_t address,
			uint64_t now);

/** nat_fragments_find() - Return: whether the first fragment is known, and *ret its new address */
bool nat_fragments_find(const struct fragments *f, const struct fragment_key *key, uint64_t now,
			uint32_t *ret);

#endif
