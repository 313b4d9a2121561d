/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stamp.h - the time stamp of an initiation, which must only ever grow
 *
 * Source: D. J. Bernstein's TAI64N: seconds since 1970 plus 2^62 + 10, nanoseconds.
 */
#ifndef CULVERT_WIREGUARD_STAMP_H
#define CULVERT_WIREGUARD_STAMP_H

#include "base/wire.h"
#include "wireguard/message.h"

/* Stamps are blunted to 2^24 ns, about 17 ms: a finer clock would tell an observer about
 * the machine, and a peer accepts no two initiations that close together anyhow. */
#define STAMP_GRAIN (UINT64_C(1) << 24)

/** stamp_store() - @wall in ns since 1970, already blunted */
static inline void stamp_store(uint8_t out[static STAMP_LEN], uint64_t wall)
{
	store_be64(out, UINT64_C(0x400000000000000a) + wall / NS_PER_S);
	store_be32(out + 8, (uint32_t)(wall % NS_PER_S));
}

/** stamp_after() - blunts @wall, but never to a time that is not after @last */
static inline uint64_t stamp_after(uint64_t wall, uint64_t last)
{
	uint64_t blunt = wall & ~(STAMP_GRAIN - 1);

	return blunt > last ? blunt : last + STAMP_GRAIN;
}

#endif
