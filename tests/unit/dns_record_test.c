/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/wire.h"
#include "dns/dns.h"

/* A message of one question and what the tests put behind it. */
struct message {
	size_t len;
	uint8_t bytes[600];
};

static void put(struct message *m, const char *bytes, size_t len)
{
	memcpy(m->bytes + m->len, bytes, len);
	m->len += len;
}

#define PUT(m, text) put((m), (text), sizeof(text) - 1)

static struct message question(const char *name, size_t len)
{
	struct message m = { .len = DNS_HEADER_LEN };

	m.bytes[5] = 1;
	put(&m, name, len);
	PUT(&m, "\0\1\0\1");
	return m;
}

#define NAME "\3www\7Example\3com"

static void a_question_ends_behind_its_class(void **state)
{
	struct message m = question(NAME, sizeof(NAME));

	(void)state;
	assert_int_equal(dns_question_end(m.bytes, m.len), 12 + 17 + 4);
	PUT(&m, "more");
	assert_int_equal(dns_question_end(m.bytes, m.len), 12 + 17 + 4);
	for (size_t len = 0; len < 12 + 17 + 4; len++)
		assert_int_equal(dns_question_end(m.bytes, len), 0);
}

static void none_or_two_questions_are_malformed(void **state)
{
	struct message m = question(NAME, sizeof(NAME));

	(void)state;
	m.bytes[5] = 0;
	assert_int_equal(dns_question_end(m.bytes, m.len), 0);
	m.bytes[5] = 2;
	assert_int_equal(dns_question_end(m.bytes, m.len), 0);
	m.bytes[4] = 1;
	m.bytes[5] = 1;
	assert_int_equal(dns_question_end(m.bytes, m.len), 0);
}

static void a_question_with_a_pointer_or_a_wrong_label_is_malformed(void **state)
{
	static const uint8_t first[] = { 0x40, 0x80, 0xbf, 0xc0, 0xff };

	(void)state;
	for (size_t i = 0; i < sizeof(first); i++) {
		struct message m = question("\1a\0", 3);

		m.bytes[12] = first[i];
		assert_int_equal(dns_question_end(m.bytes, sizeof(m.bytes)), 0);
	}
}

/* A name of @len bytes on the wire. */
static size_t name_of(uint8_t *out, size_t len)
{
	size_t at = 0;

	while (at + 1 < len) {
		size_t label = len - at - 2 < 63 ? len - at - 2 : 63;

		out[at] = (uint8_t)label;
		memset(out + at + 1, 'x', label);
		at += 1 + label;
	}
	out[at] = 0;
	return at + 1;
}

static void a_name_has_at_most_255_bytes(void **state)
{
	char name[300];

	(void)state;
	for (size_t len = 250; len <= 260; len++) {
		struct message m;

		/* One byte left over would be a label of none, that is the end. */
		if ((len - 1) % 64 == 1)
			continue;
		assert_int_equal(name_of((uint8_t *)name, len), len);
		m = question(name, len);
		assert_int_equal(dns_question_end(m.bytes, m.len), len > 255 ? 0 : 12 + len + 4);
	}
}

static void names_are_equal_whatever_their_case(void **state)
{
	(void)state;
	assert_true(
		dns_name_equal((const uint8_t *)NAME, (const uint8_t *)"\3WWW\7eXAMPLE\3cOm", 17));
	assert_false(
		dns_name_equal((const uint8_t *)NAME, (const uint8_t *)"\3www\7Example\3con", 17));
	/* '@' and '[' are the neighbours of the letters, and not letters. */
	assert_int_equal(dns_lower('A'), 'a');
	assert_int_equal(dns_lower('Z'), 'z');
	assert_int_equal(dns_lower('@'), '@');
	assert_int_equal(dns_lower('['), '[');
	assert_int_equal(dns_lower(0xc1), 0xc1);
}

static void records_are_walked_section_by_section(void **state)
{
	struct message m = question(NAME, sizeof(NAME));
	size_t end = m.len;
	struct dns_walk walk;
	struct dns_record r;

	(void)state;
	m.bytes[7] = 1;
	m.bytes[9] = 1;
	m.bytes[11] = 1;
	PUT(&m, "\300\14\0\1\0\1\0\1\0\2\0\4\1\2\3\4"); /* A, TTL 65538 */
	PUT(&m, "\3com\0\0\6\0\1\0\0\0\5\0\0");         /* SOA without data */
	PUT(&m, "\0\0\51\4\320\0\0\200\0\0\3abc");      /* OPT, DO */
	walk = dns_walk_begin(m.bytes, m.len, end);
	assert_true(dns_walk_next(&walk, &r));
	assert_int_equal(r.section, DNS_ANSWER);
	assert_int_equal(r.at, end);
	assert_int_equal(r.type, DNS_TYPE_A);
	assert_int_equal(r.class, 1);
	assert_int_equal(r.ttl, 65538);
	assert_int_equal(load_be32(m.bytes + r.ttl_at), 65538);
	assert_int_equal(r.data_len, 4);
	assert_int_equal(m.bytes[r.data_at], 1);
	assert_true(dns_walk_next(&walk, &r));
	assert_int_equal(r.section, DNS_AUTHORITY);
	assert_int_equal(r.type, DNS_TYPE_SOA);
	assert_int_equal(r.data_len, 0);
	assert_true(dns_walk_next(&walk, &r));
	assert_int_equal(r.section, DNS_ADDITIONAL);
	assert_int_equal(r.type, DNS_TYPE_OPT);
	assert_int_equal(r.class, 1232);
	assert_int_equal(r.ttl, DNS_OPT_DO);
	assert_memory_equal(m.bytes + r.data_at, "abc", 3);
	assert_false(dns_walk_next(&walk, &r));
	assert_false(walk.broken);
	assert_int_equal(walk.at, m.len);
	/* Every shorter one breaks off somewhere; a copy of its own lets a sanitizer see the end. */
	for (size_t len = end; len < m.len; len++) {
		uint8_t *copy = malloc(len);

		assert_non_null(copy);
		memcpy(copy, m.bytes, len);
		walk = dns_walk_begin(copy, len, end);
		while (dns_walk_next(&walk, &r))
			assert_true(r.data_at + r.data_len <= len);
		assert_true(walk.broken);
		free(copy);
	}
}

static void no_message_leads_the_walk_beyond_its_end(void **state)
{
	struct rng rng = rng_seeded(7);
	struct dns_record r;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct message m = question("", 1);
		size_t len = m.len + rng_below(&rng, 60);
		struct dns_walk walk;
		unsigned int n = 0;

		rng_fill(&rng, m.bytes + m.len, 60);
		/* Small numbers are what lengths and counts look like. */
		for (size_t i = m.len; i < len; i++)
			m.bytes[i] = rng_below(&rng, 2) ? m.bytes[i] & 3 : m.bytes[i];
		m.bytes[7] = m.bytes[9] = m.bytes[11] = 2;
		walk = dns_walk_begin(m.bytes, len, m.len);
		while (dns_walk_next(&walk, &r)) {
			assert_true(r.at < r.ttl_at && r.ttl_at < r.data_at);
			assert_true(r.data_at + r.data_len <= len);
			n++;
		}
		assert_int_equal(walk.broken, n < 6);
	}
}

static void an_opt_record_is_appended_as_it_is_read(void **state)
{
	struct message m = question(NAME, sizeof(NAME));
	size_t end = m.len;
	struct dns_walk walk;
	struct dns_record r;

	(void)state;
	m.bytes[11] = 1;
	m.len = dns_opt_append(m.bytes, end, 1232, DNS_OPT_DO);
	assert_int_equal(m.len, end + DNS_OPT_LEN);
	walk = dns_walk_begin(m.bytes, m.len, end);
	assert_true(dns_walk_next(&walk, &r));
	assert_int_equal(r.type, DNS_TYPE_OPT);
	assert_int_equal(r.class, 1232);
	assert_int_equal(r.ttl, DNS_OPT_DO);
	assert_int_equal(r.data_len, 0);
}

static void options_are_walked_to_a_whole_end(void **state)
{
	static const uint8_t data[] = { 0, 10, 0, 2, 1, 2, 0, 12, 0, 0, 0, 8, 0, 1, 9 };
	uint16_t code, len;
	size_t at = 0;

	(void)state;
	assert_true(dns_option_next(data, sizeof(data), &at, &code, &len));
	assert_true(code == 10 && len == 2 && at == 6);
	assert_true(dns_option_is_local(code));
	assert_true(dns_option_next(data, sizeof(data), &at, &code, &len));
	assert_true(code == 12 && len == 0 && at == 10);
	assert_true(dns_option_is_local(code) && dns_option_is_local(11));
	assert_false(dns_option_next(data, sizeof(data) - 1, &at, &code, &len));
	assert_false(dns_option_next(data, 13, &at, &code, &len));
	assert_int_equal(at, 10);
	assert_true(dns_option_next(data, sizeof(data), &at, &code, &len));
	assert_true(code == 8 && len == 1 && at == sizeof(data));
	assert_false(dns_option_is_local(code));
	assert_false(dns_option_next(data, sizeof(data), &at, &code, &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_ends_behind_its_class),
		cmocka_unit_test(none_or_two_questions_are_malformed),
		cmocka_unit_test(a_question_with_a_pointer_or_a_wrong_label_is_malformed),
		cmocka_unit_test(a_name_has_at_most_255_bytes),
		cmocka_unit_test(names_are_equal_whatever_their_case),
		cmocka_unit_test(records_are_walked_section_by_section),
		cmocka_unit_test(no_message_leads_the_walk_beyond_its_end),
		cmocka_unit_test(an_opt_record_is_appended_as_it_is_read),
		cmocka_unit_test(options_are_walked_to_a_whole_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
