/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/dns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dns_build.h"

static struct dns_query parsed(const struct built *b)
{
	struct dns_query q;

	assert_int_equal(dns_query_parse(b->bytes, b->len, &q), DNS_QUERY_OK);
	return q;
}

static void a_query_is_understood_with_its_edns_flags(void **state)
{
	struct built b = build(0x1234, 0x0130, "www.example.com", BUILD_AAAA);
	struct dns_query q;

	(void)state;
	q = parsed(&b);
	assert_int_equal(q.id, 0x1234);
	assert_int_equal(q.type, BUILD_AAAA);
	assert_int_equal(q.class, 1);
	assert_int_equal(q.question_end, b.len);
	assert_true(q.recursion && q.authentic && q.checking_off && q.plain);
	assert_false(q.dnssec);
	assert_int_equal(q.edns_at, 0);
	build_opt(&b, 4096, 0x8000,
		  "\0\x0a\0\x08"
		  "12345678",
		  12);
	q = parsed(&b);
	assert_true(q.dnssec);
	assert_true(q.plain); /* a cookie concerns one hop */
	assert_int_equal(q.edns_at, q.question_end);
	assert_int_equal(q.edns_size, 4096);
}

static void an_option_that_may_change_the_answer_keeps_the_cache_out(void **state)
{
	struct built b = build(1, 0x0100, "example.com", BUILD_A);

	(void)state;
	build_opt(&b, 1232, 0, "\0\x08\0\x04\0\1\0\0", 8); /* client subnet */
	assert_false(parsed(&b).plain);
}

static void what_is_no_query_gets_no_answer(void **state)
{
	struct built b = build(1, 0x8100, "example.com", BUILD_A);
	struct dns_query q;

	(void)state;
	assert_int_equal(dns_query_parse(b.bytes, b.len, &q), DNS_QUERY_SILENT);
	assert_int_equal(dns_query_parse(b.bytes, 11, &q), DNS_QUERY_SILENT);
	assert_int_equal(dns_query_parse(b.bytes, 0, &q), DNS_QUERY_SILENT);
}

static void other_opcodes_and_transfers_are_not_implemented(void **state)
{
	struct built update = build(1, 0x2800, "example.com", BUILD_SOA);
	struct built axfr = build(1, 0x0000, "example.com", 252);
	struct dns_query q;

	(void)state;
	assert_int_equal(dns_query_parse(update.bytes, update.len, &q), DNS_QUERY_NOTIMP);
	assert_int_equal(dns_query_parse(axfr.bytes, axfr.len, &q), DNS_QUERY_NOTIMP);
}

static void expect_formerr(const struct built *b)
{
	struct dns_query q;

	assert_int_equal(dns_query_parse(b->bytes, b->len, &q), DNS_QUERY_FORMERR);
}

static void malformed_queries_are_told_so(void **state)
{
	struct built good = build(1, 0x0100, "example.com", BUILD_A);
	struct built b = good;

	(void)state;
	store_be16(b.bytes + 4, 2);
	expect_formerr(&b);
	store_be16(b.bytes + 4, 0);
	expect_formerr(&b);
	b = good;
	b.len++; /* a byte behind the end */
	expect_formerr(&b);
	b = good;
	b.bytes[12] = 0xc0; /* a pointer in the question */
	expect_formerr(&b);
	b.bytes[12] = 0x41; /* a reserved kind of label */
	expect_formerr(&b);
	b = good;
	build_opt(&b, 1232, 0, NULL, 0);
	build_opt(&b, 1232, 0, NULL, 0); /* two OPT records */
	expect_formerr(&b);
	b = good;
	build_opt(&b, 1232, 0,
		  "\0\x0a\0\x09"
		  "12345678",
		  12); /* an option too long */
	expect_formerr(&b);
	for (size_t n = 12; n < good.len; n++) {
		b = good;
		b.len = n;
		expect_formerr(&b);
	}
}

static void a_name_may_have_255_bytes_and_no_more(void **state)
{
	char name[300];
	struct built b;
	struct dns_query q;

	(void)state;
	memset(name, 'a', sizeof(name));
	name[63] = name[127] = name[191] = '.';
	name[253] = '\0'; /* 4 lengths, 250 letters, the root */
	b = build(1, 0x0100, name, BUILD_A);
	assert_int_equal(b.len, 12 + 255 + 4);
	assert_int_equal(dns_query_parse(b.bytes, b.len, &q), DNS_QUERY_OK);
	name[253] = 'a';
	name[254] = '\0';
	b = build(1, 0x0100, name, BUILD_A);
	expect_formerr(&b);
}

static void the_udp_limit_is_the_smaller_of_client_and_path(void **state)
{
	struct dns_query q = { 0 };

	(void)state;
	assert_int_equal(dns_query_udp_limit(&q, 1392), 512);
	q.edns_at = 30;
	q.edns_size = 4096;
	assert_int_equal(dns_query_udp_limit(&q, 1392), 1392);
	q.edns_size = 1232;
	assert_int_equal(dns_query_udp_limit(&q, 1392), 1232);
	q.edns_size = 100; /* RFC 6891: as if 512 */
	assert_int_equal(dns_query_udp_limit(&q, 1392), 512);
}

static void the_proxys_own_answer_repeats_id_question_and_opt(void **state)
{
	struct built b = build(0xbeef, 0x0110, "Example.com", BUILD_A);
	uint8_t out[DNS_REPLY_OWN_MAX];
	struct dns_query q;
	size_t len;

	(void)state;
	build_opt(&b, 4096, 0x8000, NULL, 0);
	q = parsed(&b);
	len = dns_reply_own(&q, b.bytes, DNS_SERVFAIL, out);
	assert_int_equal(len, b.len);
	assert_int_equal(load_be16(out + 2), 0x8192);
	assert_true(dns_reply_matches(&q, b.bytes, 0xbeef, out, len));
	assert_int_equal(load_be32(out + len - 6), 0x8000);
	len = dns_reply_own(NULL, b.bytes, DNS_FORMERR, out);
	assert_int_equal(len, 12);
	assert_int_equal(load_be16(out), 0xbeef);
	assert_int_equal(dns_reply_rcode(out), DNS_FORMERR);
}

static void only_the_answer_to_this_very_query_matches(void **state)
{
	struct built query = build(7, 0x0100, "example.com", BUILD_A);
	struct dns_query q = parsed(&query);
	struct built reply = build(99, 0x8180, "EXAMPLE.com", BUILD_A);
	struct built other;

	(void)state;
	build_record(&reply, 0, BUILD_A, 60, "\xc0\0\2\1", 4);
	assert_true(dns_reply_matches(&q, query.bytes, 99, reply.bytes, reply.len));
	assert_false(dns_reply_matches(&q, query.bytes, 98, reply.bytes, reply.len));
	other = build(99, 0x8180, "examplf.com", BUILD_A);
	assert_false(dns_reply_matches(&q, query.bytes, 99, other.bytes, other.len));
	other = build(99, 0x8180, "example.com", BUILD_AAAA);
	assert_false(dns_reply_matches(&q, query.bytes, 99, other.bytes, other.len));
	other = build(99, 0x8180, "example.co", BUILD_A);
	assert_false(dns_reply_matches(&q, query.bytes, 99, other.bytes, other.len));
	other = build(99, 0x0180, "example.com", BUILD_A); /* a query */
	assert_false(dns_reply_matches(&q, query.bytes, 99, other.bytes, other.len));
	for (size_t n = 0; n < reply.len; n++)
		assert_false(dns_reply_matches(&q, query.bytes, 99, reply.bytes, n));
}

static void a_truncated_answer_may_end_inside_a_record(void **state)
{
	struct built query = build(7, 0x0100, "example.com", BUILD_A);
	struct dns_query q = parsed(&query);
	struct built reply = build(7, 0x8380, "example.com", BUILD_A);

	(void)state;
	build_record(&reply, 0, BUILD_A, 60, "\xc0\0\2\1", 4);
	assert_true(dns_reply_matches(&q, query.bytes, 7, reply.bytes, reply.len - 2));
	assert_true(dns_reply_truncated(reply.bytes));
}

static void a_cut_answer_keeps_question_and_opt_only(void **state)
{
	struct built reply = build(7, 0x8180, "example.com", BUILD_TXT);
	uint8_t out[DNS_REPLY_OWN_MAX];
	uint8_t text[1000] = { 0 };
	size_t question = reply.len;
	size_t len;

	(void)state;
	build_record(&reply, 0, BUILD_TXT, 60, text, sizeof(text));
	assert_int_equal(dns_reply_truncate(reply.bytes, reply.len, out), question);
	assert_true(dns_reply_truncated(out));
	build_opt(&reply, 1232, 0x8000, "\0\x0f\0\2\0\6", 6);
	len = dns_reply_truncate(reply.bytes, reply.len, out);
	assert_int_equal(len, question + 11);
	assert_int_equal(load_be16(out + 6), 0);
	assert_int_equal(load_be16(out + 10), 1);
	assert_int_equal(load_be16(out + len - 2), 0);
	assert_int_equal(dns_reply_truncate(reply.bytes, 13, out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_query_is_understood_with_its_edns_flags),
		cmocka_unit_test(an_option_that_may_change_the_answer_keeps_the_cache_out),
		cmocka_unit_test(what_is_no_query_gets_no_answer),
		cmocka_unit_test(other_opcodes_and_transfers_are_not_implemented),
		cmocka_unit_test(malformed_queries_are_told_so),
		cmocka_unit_test(a_name_may_have_255_bytes_and_no_more),
		cmocka_unit_test(the_udp_limit_is_the_smaller_of_client_and_path),
		cmocka_unit_test(the_proxys_own_answer_repeats_id_question_and_opt),
		cmocka_unit_test(only_the_answer_to_this_very_query_matches),
		cmocka_unit_test(a_truncated_answer_may_end_inside_a_record),
		cmocka_unit_test(a_cut_answer_keeps_question_and_opt_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
