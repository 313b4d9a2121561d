/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "base/wire.h"
#include "dns/dns.h"
#include "dns/record.h"

/* The OPT record of a query: at most one (RFC 6891 section 6.1.1), options well formed. */
static bool read_opt(const uint8_t *message, const struct dns_record *record,
		     struct dns_query *query)
{
	const uint8_t *data = message + record->data_at;
	size_t at = 0;
	uint16_t code;
	uint16_t len;

	if (query->edns_at != 0 || message[record->at] != 0)
		return false;
	query->edns_at = (uint16_t)record->at;
	query->edns_size = record->class;
	query->dnssec = record->ttl & DNS_OPT_DO;
	/* Extended rcode and version: a version above 0 wants an upstream's BADVERS. */
	if (record->ttl >> 16 != 0)
		query->plain = false;
	while (at < record->data_len) {
		if (!dns_option_next(data, record->data_len, &at, &code, &len))
			return false;
		if (!dns_option_is_local(code))
			query->plain = false;
	}
	return true;
}

static bool read_records(const uint8_t *message, size_t len, struct dns_query *query)
{
	struct dns_walk walk = dns_walk_begin(message, len, query->question_end);
	struct dns_record record;

	while (dns_walk_next(&walk, &record)) {
		if (record.type == DNS_TYPE_OPT) {
			if (!read_opt(message, &record, query))
				return false;
		} else {
			query->plain = false; /* TSIG, SIG(0) and what nobody knows yet */
		}
	}
	return !walk.broken && walk.at == len;
}

enum dns_query_verdict dns_query_parse(const uint8_t *message, size_t len, struct dns_query *ret)
{
	struct dns_query query = { .plain = true };
	uint16_t flags;

	if (len < DNS_HEADER_LEN)
		return DNS_QUERY_SILENT;
	flags = load_be16(message + 2);
	if (flags & DNS_FLAG_QR)
		return DNS_QUERY_SILENT;
	if (flags & DNS_FLAG_OPCODE)
		return DNS_QUERY_NOTIMP;
	query.question_end = (uint16_t)dns_question_end(message, len);
	if (len > DNS_QUERY_MAX || query.question_end == 0)
		return DNS_QUERY_FORMERR;
	query.id = load_be16(message);
	query.type = load_be16(message + query.question_end - 4);
	query.class = load_be16(message + query.question_end - 2);
	query.recursion = flags & DNS_FLAG_RD;
	query.authentic = flags & DNS_FLAG_AD;
	query.checking_off = flags & DNS_FLAG_CD;
	if (!read_records(message, len, &query))
		return DNS_QUERY_FORMERR;
	/* A transfer's answer is many messages; a resolver's clients have no use for it. */
	if (query.type == DNS_TYPE_AXFR || query.type == DNS_TYPE_IXFR)
		return DNS_QUERY_NOTIMP;
	*ret = query;
	return DNS_QUERY_OK;
}

size_t dns_query_udp_limit(const struct dns_query *query, size_t size_max)
{
	size_t takes = query->edns_at ? query->edns_size : DNS_UDP_MIN;

	if (takes < DNS_UDP_MIN)
		takes = DNS_UDP_MIN; /* RFC 6891 section 6.2.3 */
	return takes < size_max ? takes : size_max;
}

size_t dns_reply_own(const struct dns_query *query, const uint8_t *message, enum dns_rcode rcode,
		     uint8_t out[static DNS_REPLY_OWN_MAX])
{
	uint16_t flags = load_be16(message + 2);
	size_t end = query ? query->question_end : DNS_HEADER_LEN;

	memcpy(out, message, end);
	flags &= DNS_FLAG_OPCODE | DNS_FLAG_RD | DNS_FLAG_CD;
	store_be16(out + 2, (uint16_t)(flags | DNS_FLAG_QR | DNS_FLAG_RA | (unsigned int)rcode));
	memset(out + 4, 0, 8);
	if (!query)
		return end;
	store_be16(out + 4, 1);
	if (query->edns_at == 0)
		return end;
	store_be16(out + 10, 1);
	return dns_opt_append(out, end, DNS_UDP_FORWARD, query->dnssec ? DNS_OPT_DO : 0);
}

bool dns_reply_truncated(const uint8_t *reply)
{
	return load_be16(reply + 2) & DNS_FLAG_TC;
}

enum dns_rcode dns_reply_rcode(const uint8_t *reply)
{
	return (enum dns_rcode)(reply[3] & 0x0f);
}

bool dns_reply_matches(const struct dns_query *query, const uint8_t *message, uint16_t id,
		       const uint8_t *reply, size_t len)
{
	size_t end = dns_question_end(reply, len);
	struct dns_record record;
	struct dns_walk walk;
	uint16_t flags;

	if (end == 0 || end != query->question_end || load_be16(reply) != id)
		return false;
	flags = load_be16(reply + 2);
	if (!(flags & DNS_FLAG_QR) || (flags & DNS_FLAG_OPCODE))
		return false;
	if (memcmp(reply + end - 4, message + end - 4, 4) != 0 ||
	    !dns_name_equal(reply + DNS_HEADER_LEN, message + DNS_HEADER_LEN,
			    end - 4 - DNS_HEADER_LEN))
		return false;
	if (flags & DNS_FLAG_TC)
		return true; /* may end in the middle of a record: nothing but the header is used */
	walk = dns_walk_begin(reply, len, end);
	while (dns_walk_next(&walk, &record))
		continue;
	return !walk.broken;
}

size_t dns_reply_truncate(const uint8_t *reply, size_t len, uint8_t out[static DNS_REPLY_OWN_MAX])
{
	size_t end = dns_question_end(reply, len);
	struct dns_record record;
	struct dns_walk walk;

	if (end == 0)
		return 0;
	memcpy(out, reply, end);
	store_be16(out + 2, (uint16_t)(load_be16(reply + 2) | DNS_FLAG_TC));
	memset(out + 6, 0, 6);
	walk = dns_walk_begin(reply, len, end);
	while (dns_walk_next(&walk, &record)) {
		if (record.type != DNS_TYPE_OPT)
			continue;
		store_be16(out + 10, 1);
		return dns_opt_append(out, end, record.class, record.ttl);
	}
	return end;
}
