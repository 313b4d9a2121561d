/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "dns/dns.h"
#include "dns_build.h"

#define SECOND NS_PER_S

static struct dns_cache *cache;
static uint8_t out[DNS_MESSAGE_MAX];

static int setup(void **state)
{
	struct rng rng = rng_seeded(1);

	(void)state;
	return dns_cache_new(8, &rng, &cache);
}

static int teardown(void **state)
{
	(void)state;
	cache = dns_cache_free(cache);
	return 0;
}

static struct dns_query parsed(const struct built *b)
{
	struct dns_query q;

	assert_int_equal(dns_query_parse(b->bytes, b->len, &q), DNS_QUERY_OK);
	return q;
}

static bool store(const struct built *query, const struct built *reply, uint64_t now)
{
	struct dns_query q = parsed(query);

	return dns_cache_store(cache, &q, reply->bytes, reply->len, now);
}

static size_t find(const struct built *query, uint64_t now)
{
	struct dns_query q = parsed(query);

	return dns_cache_find(cache, &q, query->bytes, now, out);
}

static struct built answer_to(const char *name, uint32_t ttl)
{
	struct built reply = build(9, 0x8180, name, BUILD_A);

	build_record(&reply, 0, BUILD_A, ttl, "\xc0\0\2\1", 4);
	return reply;
}

static void an_answer_is_given_again_with_its_ttl_lowered(void **state)
{
	struct built query = build(5, 0x0100, "a.example", BUILD_A);
	struct built reply = answer_to("a.example", 60);

	(void)state;
	assert_int_equal(find(&query, 0), 0);
	assert_true(store(&query, &reply, 10 * SECOND));
	assert_int_equal(find(&query, 30 * SECOND + SECOND / 2), reply.len);
	assert_int_equal(load_be16(out), 5);
	assert_int_equal(load_be32(out + reply.len - 10), 40);
	assert_int_equal(find(&query, 70 * SECOND - 1), reply.len);
	assert_int_equal(load_be32(out + reply.len - 10), 1);
	assert_int_equal(find(&query, 70 * SECOND), 0);
	assert_int_equal(dns_cache_entries(cache), 0);
}

static void the_name_is_spelled_as_the_client_spells_it(void **state)
{
	struct built query = build(5, 0x0100, "a.example", BUILD_A);
	struct built shout = build(6, 0x0100, "A.eXample", BUILD_A);
	struct built reply = answer_to("a.example", 60);

	(void)state;
	assert_true(store(&query, &reply, 0));
	assert_int_equal(find(&shout, 0), reply.len);
	assert_memory_equal(out + 12, shout.bytes + 12, shout.len - 12);
}

static void type_and_flags_are_kept_apart(void **state)
{
	struct built query = build(5, 0x0100, "a.example", BUILD_A);
	struct built reply = answer_to("a.example", 60);
	struct built other = build(5, 0x0100, "a.example", BUILD_AAAA);

	(void)state;
	assert_true(store(&query, &reply, 0));
	assert_int_equal(find(&other, 0), 0);
	other = build(5, 0x0110, "a.example", BUILD_A); /* CD */
	assert_int_equal(find(&other, 0), 0);
	other = build(5, 0x0000, "a.example", BUILD_A); /* without RD: not ours to answer */
	assert_int_equal(find(&other, 0), 0);
	other = query;
	build_opt(&other, 1232, 0, NULL, 0);
	assert_int_equal(find(&other, 0), 0);
	other = query;
	build_opt(&other, 1232, 0x8000, NULL, 0); /* DO */
	assert_int_equal(find(&other, 0), 0);
	assert_true(find(&query, 0) > 0);
}

static void negative_answers_live_as_long_as_the_soa_says(void **state)
{
	struct built query = build(5, 0x0100, "no.example", BUILD_A);
	struct built reply = build(9, 0x8183, "no.example", BUILD_A);

	(void)state;
	assert_false(store(&query, &reply, 0)); /* no SOA */
	build_soa(&reply, 900, 30);
	assert_true(store(&query, &reply, 0));
	assert_true(find(&query, 29 * SECOND) > 0);
	assert_int_equal(find(&query, 30 * SECOND), 0);
	reply = build(9, 0x8180, "no.example", BUILD_A); /* no such type */
	build_soa(&reply, 20, 900);
	assert_true(store(&query, &reply, 0));
	assert_true(find(&query, 19 * SECOND) > 0);
	assert_int_equal(find(&query, 20 * SECOND), 0);
}

static void long_times_are_capped(void **state)
{
	struct built query = build(5, 0x0100, "a.example", BUILD_A);
	struct built reply = answer_to("a.example", 1000000);

	(void)state;
	assert_true(store(&query, &reply, 0));
	assert_true(find(&query, 86399 * SECOND) > 0);
	assert_int_equal(find(&query, 86400 * SECOND), 0);
	reply = build(9, 0x8183, "a.example", BUILD_A);
	build_soa(&reply, 1000000, 1000000);
	assert_true(store(&query, &reply, 0));
	assert_true(find(&query, 3599 * SECOND) > 0);
	assert_int_equal(find(&query, 3600 * SECOND), 0);
}

static void failures_truncated_and_passing_answers_are_not_kept(void **state)
{
	struct built query = build(5, 0x0100, "a.example", BUILD_A);
	struct built reply = answer_to("a.example", 60);
	struct built any = build(5, 0x0100, "a.example", 255);

	(void)state;
	store_be16(reply.bytes + 2, 0x8182);
	assert_false(store(&query, &reply, 0));
	store_be16(reply.bytes + 2, 0x8380);
	assert_false(store(&query, &reply, 0));
	reply = answer_to("a.example", 0);
	assert_false(store(&query, &reply, 0));
	reply = answer_to("a.example", 0x80000000); /* RFC 2181: as if 0 */
	assert_false(store(&query, &reply, 0));
	reply = answer_to("a.example", 60);
	assert_false(store(&any, &reply, 0));
	build_opt(&reply, 1232, 0, NULL, 0); /* an OPT that was not asked for */
	assert_false(store(&query, &reply, 0));
}

static void a_cookie_is_not_given_to_another_client(void **state)
{
	static const uint8_t cookie[] = "\0\x0a\0\x08"
					"abcdefgh";
	static const uint8_t options[] = "\0\x0f\0\x02\0\x03"
					 "\0\x0a\0\x08"
					 "abcdefgh";
	struct built query = build(5, 0x0100, "a.example", BUILD_A);
	struct built reply = answer_to("a.example", 60);
	struct built other = query;
	size_t before;

	(void)state;
	build_opt(&query, 1232, 0, cookie, 12);
	build_opt(&other, 1232, 0, NULL, 0);
	build_opt(&reply, 1232, 0, options, 18);
	assert_true(store(&query, &reply, 0));
	before = reply.len - 18;
	assert_int_equal(find(&other, 0), before + 6);
	assert_int_equal(load_be16(out + before - 2), 6);
	assert_memory_equal(out + before, options, 6); /* the extended error stays */
}

static void a_full_cache_forgets_what_was_not_used_longest(void **state)
{
	struct built first = build(5, 0x0100, "n0.example", BUILD_A);

	(void)state;
	for (int i = 0; i < 20; i++) {
		char name[16];
		struct built query;
		struct built reply;

		snprintf(name, sizeof(name), "n%d.example", i);
		query = build(5, 0x0100, name, BUILD_A);
		reply = answer_to(name, 60);
		assert_true(store(&query, &reply, 0));
		assert_true(find(&first, 0) > 0); /* in use all the time */
		assert_true(dns_cache_entries(cache) <= 8);
	}
	assert_int_equal(dns_cache_entries(cache), 8);
	struct built second = build(5, 0x0100, "n1.example", BUILD_A);
	assert_int_equal(find(&second, 0), 0);
}

static void big_answers_push_out_as_many_as_their_bytes_need(void **state)
{
	static uint8_t text[1800];
	struct built query = build(5, 0x0100, "big.example", BUILD_TXT);
	struct built reply = build(9, 0x8180, "big.example", BUILD_TXT);

	(void)state;
	for (int i = 0; i < 8; i++) {
		char name[16];
		struct built small;
		struct built small_reply;

		snprintf(name, sizeof(name), "n%d.example", i);
		small = build(5, 0x0100, name, BUILD_A);
		small_reply = answer_to(name, 60);
		assert_true(store(&small, &small_reply, 0));
	}
	build_record(&reply, 0, BUILD_TXT, 60, text, sizeof(text));
	build_record(&reply, 0, BUILD_TXT, 60, text, sizeof(text));
	assert_true(store(&query, &reply, 0));
	assert_int_equal(find(&query, 0), reply.len);
	assert_memory_equal(out + query.len, reply.bytes + query.len, reply.len - query.len);
	assert_true(dns_cache_entries(cache) < 8);
	build_record(&reply, 0, BUILD_TXT, 60, text, 330); /* above 8 * 4 blocks of 124 bytes */
	assert_false(store(&query, &reply, 0));
}

/* The slow obvious version: an array of what was stored last under each name. */
static void random_use_agrees_with_a_plain_table(void **state)
{
	struct rng rng = rng_seeded(42);
	uint64_t expires[30] = { 0 };
	uint64_t now = SECOND;
	int hits = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint32_t n = rng_below(&rng, 30);
		char name[16];
		struct built query;
		struct built reply;

		snprintf(name, sizeof(name), "x%u.example", n);
		query = build((uint16_t)i, 0x0100, name, BUILD_A);
		now += rng_below(&rng, 3) * SECOND;
		if (rng_below(&rng, 2)) {
			uint32_t ttl = 1 + rng_below(&rng, 20);

			reply = answer_to(name, ttl);
			assert_true(store(&query, &reply, now));
			expires[n] = now + ttl * SECOND;
		} else if (find(&query, now) > 0) {
			/* It may have been pushed out, but what it has is right. */
			hits++;
			assert_int_equal(load_be16(out), (uint16_t)i);
			assert_int_equal(load_be32(out + query.len + 6),
					 (expires[n] - now) / SECOND);
			assert_memory_equal(out + 12, query.bytes + 12, query.len - 12);
		}
		assert_true(dns_cache_entries(cache) <= 8);
	}
	assert_true(hits > 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(an_answer_is_given_again_with_its_ttl_lowered),
		T(the_name_is_spelled_as_the_client_spells_it),
		T(type_and_flags_are_kept_apart),
		T(negative_answers_live_as_long_as_the_soa_says),
		T(long_times_are_capped),
		T(failures_truncated_and_passing_answers_are_not_kept),
		T(a_cookie_is_not_given_to_another_client),
		T(a_full_cache_forgets_what_was_not_used_longest),
		T(big_answers_push_out_as_many_as_their_bytes_need),
		T(random_use_agrees_with_a_plain_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
