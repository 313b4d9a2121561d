/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/record.h"

#include <string.h>

#include "base/wire.h"
#include "dns/dns.h"

#define LABEL_MAX 63
#define POINTER   0xc0u

/* Behind the name at @at, 0 when malformed.  A pointer is two bytes and the last part. */
static size_t name_end(const uint8_t *message, size_t len, size_t at, bool pointers)
{
	size_t start = at;

	while (at < len && at - start < DNS_NAME_MAX) {
		uint8_t label = message[at];

		if (label == 0)
			return at + 1;
		if ((label & POINTER) == POINTER)
			return pointers && at + 2 <= len ? at + 2 : 0;
		if (label > LABEL_MAX)
			return 0;
		at += 1u + label;
	}
	return 0;
}

size_t dns_question_end(const uint8_t *message, size_t len)
{
	size_t end;

	if (len < DNS_HEADER_LEN || load_be16(message + 4) != 1)
		return 0;
	end = name_end(message, len, DNS_HEADER_LEN, false);
	if (end == 0 || end + 4 > len)
		return 0;
	return end + 4;
}

uint8_t dns_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool dns_name_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
	/* Lengths of labels are below 64, so lowering them changes nothing. */
	for (size_t i = 0; i < len; i++) {
		if (dns_lower(a[i]) != dns_lower(b[i]))
			return false;
	}
	return true;
}

struct dns_walk dns_walk_begin(const uint8_t *message, size_t len, size_t question_end)
{
	return (struct dns_walk){
		.message = message,
		.len = len,
		.at = question_end,
		.left = { load_be16(message + 6), load_be16(message + 8), load_be16(message + 10) },
	};
}

bool dns_walk_next(struct dns_walk *walk, struct dns_record *ret)
{
	const uint8_t *fixed;
	unsigned int section = 0;
	size_t end;

	while (section < N_DNS_SECTIONS && walk->left[section] == 0)
		section++;
	if (section == N_DNS_SECTIONS)
		return false;
	end = name_end(walk->message, walk->len, walk->at, true);
	if (end == 0 || end + 10 > walk->len) {
		walk->broken = true;
		return false;
	}
	fixed = walk->message + end;
	*ret = (struct dns_record){
		.at = walk->at,
		.type = load_be16(fixed),
		.class = load_be16(fixed + 2),
		.ttl_at = end + 4,
		.ttl = load_be32(fixed + 4),
		.data_at = end + 10,
		.data_len = load_be16(fixed + 8),
		.section = (enum dns_section)section,
	};
	if (ret->data_at + ret->data_len > walk->len) {
		walk->broken = true;
		return false;
	}
	walk->left[section]--;
	walk->at = ret->data_at + ret->data_len;
	return true;
}

size_t dns_opt_append(uint8_t *out, size_t at, uint16_t size, uint32_t flags)
{
	out[at] = 0;
	store_be16(out + at + 1, DNS_TYPE_OPT);
	store_be16(out + at + 3, size);
	store_be32(out + at + 5, flags);
	store_be16(out + at + 9, 0);
	return at + DNS_OPT_LEN;
}

bool dns_option_is_local(uint16_t code)
{
	return code == DNS_OPTION_COOK || code == DNS_OPTION_KEEP || code == DNS_OPTION_PAD;
}

bool dns_option_next(const uint8_t *data, size_t len, size_t *at, uint16_t *ret_code,
		     uint16_t *ret_len)
{
	if (len - *at < 4)
		return false;
	*ret_code = load_be16(data + *at);
	*ret_len = load_be16(data + *at + 2);
	if (len - *at - 4 < *ret_len)
		return false;
	*at += 4u + *ret_len;
	return true;
}
