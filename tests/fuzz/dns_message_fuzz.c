/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns_message_fuzz.c - a client's query and an upstream's reply, both hostile
 *
 * Input: two bytes of length, that many bytes of query, the rest is the reply.  The reply
 * is tried as it is and with id and question made to match, so that the walk over its
 * records is reached.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wire.h"
#include "dns/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint8_t out[DNS_MESSAGE_MAX];

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void try_cache(const struct dns_query *q, const uint8_t *query, const uint8_t *reply,
		      size_t len)
{
	struct rng rng = rng_seeded(1);
	struct dns_cache *cache;
	size_t n;

	if (dns_cache_new(4, &rng, &cache) < 0)
		return;
	if (dns_cache_store(cache, q, reply, len, 0)) {
		n = dns_cache_find(cache, q, query, NS_PER_S / 2, out);
		check(n > 0 && n <= len && load_be16(out) == q->id);
		check(dns_reply_matches(q, query, q->id, out, n));
	}
	dns_cache_free(cache);
}

static void try_reply(const struct dns_query *q, const uint8_t *query, const uint8_t *reply,
		      size_t len)
{
	struct prefix tunnel = { .addr = addr_ip4(0x0a424d00), .len = 24 };
	uint8_t cut[DNS_REPLY_OWN_MAX];
	size_t n;

	(void)dns_reply_points_inside(reply, len, &tunnel);
	n = dns_reply_truncate(reply, len, cut);
	check(n <= sizeof(cut));
	if (!dns_reply_matches(q, query, q->id, reply, len))
		return;
	check(n >= DNS_HEADER_LEN && dns_reply_matches(q, query, q->id, cut, n));
	try_cache(q, query, reply, len);
}

static void try_matching(const struct dns_query *q, const uint8_t *query, const uint8_t *reply,
			 size_t len)
{
	size_t head = q->question_end;
	uint8_t *made;

	if (len < DNS_HEADER_LEN)
		return;
	made = malloc(head + len);
	if (!made)
		return;
	memcpy(made, reply, DNS_HEADER_LEN);
	memcpy(made + DNS_HEADER_LEN, query + DNS_HEADER_LEN, head - DNS_HEADER_LEN);
	memcpy(made + head, reply + DNS_HEADER_LEN, len - DNS_HEADER_LEN);
	store_be16(made, q->id);
	store_be16(made + 4, 1);
	made[2] = (uint8_t)((made[2] & 0x07) | 0x80);
	try_reply(q, query, made, head + len - DNS_HEADER_LEN);
	free(made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t own[DNS_REPLY_OWN_MAX];
	struct dns_query q;
	const uint8_t *query = data + 2;
	size_t query_len;
	size_t n;

	if (len < 2)
		return 0;
	query_len = load_be16(data);
	if (query_len > len - 2)
		query_len = len - 2;
	if (dns_query_parse(query, query_len, &q) != DNS_QUERY_OK) {
		if (query_len >= DNS_HEADER_LEN)
			(void)dns_reply_own(NULL, query, DNS_FORMERR, own);
		return 0;
	}
	n = dns_reply_own(&q, query, DNS_SERVFAIL, own);
	check(dns_reply_matches(&q, query, q.id, own, n));
	try_reply(&q, query, query + query_len, len - 2 - query_len);
	try_matching(&q, query, query + query_len, len - 2 - query_len);
	return 0;
}
