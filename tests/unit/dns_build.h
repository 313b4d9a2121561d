/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns_build.h - messages for the tests of the DNS proxy
 */
#ifndef CULVERT_TESTS_DNS_BUILD_H
#define CULVERT_TESTS_DNS_BUILD_H

#include <stdint.h>
#include <string.h>

#include "base/wire.h"

struct built {
	size_t len;
	uint8_t bytes[4096];
};

#define BUILD_A     1
#define BUILD_CNAME 5
#define BUILD_SOA   6
#define BUILD_TXT   16
#define BUILD_AAAA  28
#define BUILD_HTTPS 65

static inline void build_name(struct built *b, const char *name)
{
	while (*name) {
		size_t len = strcspn(name, ".");

		b->bytes[b->len++] = (uint8_t)len;
		memcpy(b->bytes + b->len, name, len);
		b->len += len;
		name += len + (name[len] == '.');
	}
	b->bytes[b->len++] = 0;
}

/* A header and one question; @flags: 0x0100 is RD, 0x8180 a usual answer. */
static inline struct built build(uint16_t id, uint16_t flags, const char *name, uint16_t type)
{
	struct built b = { .len = 12 };

	store_be16(b.bytes, id);
	store_be16(b.bytes + 2, flags);
	store_be16(b.bytes + 4, 1);
	build_name(&b, name);
	store_be16(b.bytes + b.len, type);
	store_be16(b.bytes + b.len + 2, 1);
	b.len += 4;
	return b;
}

/* A record of the question's name in section 0 (answer), 1 (authority) or 2 (additional). */
static inline void build_record(struct built *b, unsigned int section, uint16_t type, uint32_t ttl,
				const void *data, size_t len)
{
	uint8_t *count = b->bytes + 6 + 2 * section;

	store_be16(count, (uint16_t)(load_be16(count) + 1));
	store_be16(b->bytes + b->len, 0xc00c);
	store_be16(b->bytes + b->len + 2, type);
	store_be16(b->bytes + b->len + 4, 1);
	store_be32(b->bytes + b->len + 6, ttl);
	store_be16(b->bytes + b->len + 10, (uint16_t)len);
	memcpy(b->bytes + b->len + 12, data, len);
	b->len += 12 + len;
}

static inline void build_soa(struct built *b, uint32_t ttl, uint32_t minimum)
{
	uint8_t data[22] = { 0 };

	store_be32(data + 18, minimum);
	build_record(b, 1, BUILD_SOA, ttl, data, sizeof(data));
}

/* @flags: 0x8000 is DO */
static inline void build_opt(struct built *b, uint16_t size, uint32_t flags, const void *options,
			     size_t len)
{
	store_be16(b->bytes + 10, (uint16_t)(load_be16(b->bytes + 10) + 1));
	b->bytes[b->len] = 0;
	store_be16(b->bytes + b->len + 1, 41);
	store_be16(b->bytes + b->len + 3, size);
	store_be32(b->bytes + b->len + 5, flags);
	store_be16(b->bytes + b->len + 9, (uint16_t)len);
	if (len > 0)
		memcpy(b->bytes + b->len + 11, options, len);
	b->len += 11 + len;
}

#endif
