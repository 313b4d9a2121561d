/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/flow_hash.h"

#include <stdbool.h>

#include "base/wire.h"
#include "packet/train.h"

#define IP4_HEADER    20u
#define IP6_HEADER    40u
#define IP4_FRAGMENTS 0x3fffu /* more fragments, and the offset */

/* One round of a 32-bit mix: each bit of the word reaches every bit of the result. */
static uint32_t mix(uint32_t hash, uint32_t word)
{
	hash = (hash ^ word) * 0x9e3779b1u;
	hash ^= hash >> 15;
	hash *= 0x85ebca77u;
	return hash ^ hash >> 13;
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_NUM_TCP || proto == IPPROTO_NUM_UDP;
}

static uint32_t hash_ip4(const uint8_t *p, size_t len)
{
	size_t header = (p[0] & 0xfu) * 4u;
	bool fragment = load_be16(p + 6) & IP4_FRAGMENTS;
	uint32_t hash = mix(p[9], load_be32(p + 12));

	hash = mix(hash, load_be32(p + 16));
	if (has_ports(p[9]) && !fragment && header >= IP4_HEADER && header + 4 <= len)
		hash = mix(hash, load_be32(p + header));
	return hash;
}

static uint32_t hash_ip6(const uint8_t *p, size_t len)
{
	uint32_t hash = p[6];

	for (size_t i = 8; i < IP6_HEADER; i += 4)
		hash = mix(hash, load_be32(p + i));
	if (has_ports(p[6]) && IP6_HEADER + 4 <= len)
		hash = mix(hash, load_be32(p + IP6_HEADER));
	return hash;
}

uint32_t flow_hash(const uint8_t *packet, size_t len)
{
	if (len >= IP4_HEADER && packet[0] >> 4 == 4)
		return hash_ip4(packet, len);
	if (len >= IP6_HEADER && packet[0] >> 4 == 6)
		return hash_ip6(packet, len);
	return 0;
}

uint32_t train_flow_hash(const struct train *t)
{
	return flow_hash(t->head, t->head_len);
}
