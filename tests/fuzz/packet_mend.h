/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet_mend.h - lets a fuzzer's bytes past the checksums
 *
 * A mutation breaks the sums of a packet first of all, and everything behind them would be tried
 * rarely.
 */
#ifndef CULVERT_TESTS_PACKET_MEND_H
#define CULVERT_TESTS_PACKET_MEND_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "packet/checksum.h"
#include "packet/train.h"

/* Unlike assert(), the same in every build. */
#define REQUIRE(condition)        \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

/* Makes the IPv4 header checksum right, if there is a header. */
static inline void mend_ip4(uint8_t *p, size_t len)
{
	size_t l4 = len >= 20 && p[0] >> 4 != 6 ? (p[0] & 15u) * 4 : 0;

	if (l4 < 20 || l4 > len)
		return;
	store_be16(p + 10, 0);
	store_be16(p + 10, (uint16_t)~checksum_fold(checksum_add(0, p, l4)));
}

/* Makes the transport checksum of a parsed lone train right, where it has one. */
static inline void mend_l4(struct train *t)
{
	uint8_t *l4 = train_l4(t);
	uint32_t len = t->len - t->l4;
	uint8_t *check;
	uint64_t sum;

	if (train_is_fragment(t) || !(train_has_ports(t) || (!t->ip6 && t->proto == 1)))
		return;
	check = l4 + (t->proto == 6 ? 16 : t->proto == 17 ? 6 : 2);
	store_be16(check, 0);
	sum = t->proto == 1 ? 0 : train_pseudo(t, len);
	sum = (uint16_t)~checksum_fold(checksum_add(sum, l4, len));
	store_be16(check, t->proto == 17 && sum == 0 ? 0xffff : (uint16_t)sum);
}

/* An exact-size writable copy, so that AddressSanitizer sees the first byte too far. */
static inline uint8_t *mend_copy(const uint8_t *data, size_t len)
{
	uint8_t *copy = calloc(1, len ? len : 1);

	REQUIRE(copy);
	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}

#endif
