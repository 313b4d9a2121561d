/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/train.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/rng.h"
#include "packet_build.h"

#define PACKET_MAX 200

/* The parsed copy in @t says what a fresh parse of the same bytes says. */
static void assert_in_step(const struct train *t)
{
	struct train fresh;

	assert_int_equal(train_parse(&fresh, t->head, t->len, t->csum), PASS);
	assert_int_equal(fresh.src, t->src);
	assert_int_equal(fresh.dst, t->dst);
	assert_int_equal(fresh.sport, t->sport);
	assert_int_equal(fresh.dport, t->dport);
	assert_int_equal(fresh.ttl, t->ttl);
	assert_int_equal(fresh.tos, t->tos);
}

/* Rewrites a random selection of fields, and the plain bytes of @want alike. */
static void rewrite_some(struct rng *rng, struct train *t, uint8_t *want)
{
	uint32_t a = rng_u32(rng);
	uint16_t port = (uint16_t)(rng_below(rng, 4) ? rng_u32(rng) : 0xffff);
	bool has_ports = (t->proto == 6 || t->proto == 17) && t->frag_offset == 0;

	if (a & 1) {
		train_set_src(t, a);
		store_be32(want + 12, a);
	}
	if (a & 2) {
		train_set_dst(t, ~a);
		store_be32(want + 16, ~a);
	}
	if (a & 4) {
		train_set_sport(t, port);
		if (has_ports)
			store_be16(want + 20, port);
	}
	if (a & 8) {
		train_set_dport(t, (uint16_t)~port);
		if (has_ports)
			store_be16(want + 22, (uint16_t)~port);
	}
	if (a & 16) {
		train_set_ttl(t, (uint8_t)(a >> 8));
		want[8] = (uint8_t)(a >> 8);
	}
	if (a & 32) {
		train_set_tos(t, (uint8_t)(a >> 16));
		want[1] = (uint8_t)(a >> 16);
	}
	if (a & 64) {
		train_set_icmp_id(t, port);
		if (t->proto == 1 && t->frag_offset == 0)
			store_be16(want + 24, port);
	}
}

static void rewriting_equals_computing_every_checksum_anew(void **state)
{
	static const uint8_t protocols[] = { 1, 6, 17, 253 };
	struct rng rng = rng_seeded(5);

	(void)state;
	for (unsigned int round = 0; round < 40000; round++) {
		struct build b = { .proto = protocols[round % 4], .flags = 8 };
		uint8_t data[64], p[PACKET_MAX], want[PACKET_MAX];
		bool partial = (b.proto == 6 || b.proto == 17) && rng_below(&rng, 3) == 0;
		struct train t;
		size_t len;

		rng_fill(&rng, data, sizeof(data));
		b.no_checksum = !partial && rng_below(&rng, 4) == 0;
		b.sport = (uint16_t)rng_u32(&rng);
		len = build_packet(&b, p, data, rng_below(&rng, sizeof(data)));
		memcpy(want, p, len);
		if (partial)
			build_partial(p);
		assert_int_equal(train_parse(&t, p, len, partial ? CSUM_PARTIAL : CSUM_UNCHECKED),
				 PASS);
		for (unsigned int i = 0; i < 3; i++)
			rewrite_some(&rng, &t, want);
		build_sums(want);
		if (partial)
			build_partial(want);
		assert_memory_equal(p, want, len);
		assert_in_step(&t);
	}
}

static void a_udp_checksum_of_0_stays_0(void **state)
{
	struct build b = { .proto = 17, .sport = 1, .dport = 2, .no_checksum = true };
	uint8_t p[PACKET_MAX];
	size_t len = build_packet(&b, p, (const uint8_t *)"abc", 3);
	struct train t;

	(void)state;
	assert_int_equal(train_parse(&t, p, len, CSUM_UNCHECKED), PASS);
	train_set_src(&t, 0x01020304);
	train_set_sport(&t, 999);
	assert_int_equal(load_be16(p + 26), 0);
}

static void a_computed_0_is_stored_as_ffff_for_udp_and_0_for_tcp(void **state)
{
	static const uint8_t protocols[] = { 6, 17 };
	static const uint16_t stored[] = { 0x0000, 0xffff };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct build b = { .proto = protocols[i], .sport = 0, .dport = 2 };
		uint8_t p[PACKET_MAX];
		size_t len = build_packet(&b, p, (const uint8_t *)"abc", 3);
		struct train t;

		assert_int_equal(train_parse(&t, p, len, CSUM_UNCHECKED), PASS);
		/* A source port equal to the checksum brings the sum to 0xffff. */
		train_set_sport(&t, load_be16(p + build_check_at(p)));
		assert_int_equal(load_be16(p + build_check_at(p)), stored[i]);
		assert_int_equal(train_verify(&t), PASS);
	}
}

static void of_a_later_fragment_only_the_ip_header_changes(void **state)
{
	struct build b = { .proto = 253, .fragment = 185 };
	uint8_t p[PACKET_MAX], before[PACKET_MAX];
	size_t len = build_packet(&b, p, (const uint8_t *)"0123456789abcdefghij", 20);
	struct train t;

	(void)state;
	p[9] = 17;
	build_sums(p);
	memcpy(p + 20, "0123456789abcdefghij", 20);
	memcpy(before, p, len);
	assert_int_equal(train_parse(&t, p, len, CSUM_UNCHECKED), PASS);
	train_set_src(&t, 0x01020304);
	train_set_dport(&t, 77);
	assert_memory_equal(p + 20, before + 20, 20);
	assert_in_step(&t);
}

static void a_first_fragment_has_ports_and_a_checksum_to_fix(void **state)
{
	struct build b = { .proto = 17, .sport = 5, .dport = 6 };
	uint8_t whole[PACKET_MAX], p[PACKET_MAX];
	size_t len = build_packet(&b, whole, (const uint8_t *)"0123456789abcdefghijklmn", 24);
	struct train t;

	(void)state;
	memcpy(p, whole, len);
	store_be16(p + 2, 36); /* the first 16 bytes of transport */
	store_be16(p + 6, 0x2000);
	store_be16(p + 10, 0);
	store_be16(p + 10, (uint16_t)~slow_sum(0, p, 20));
	assert_int_equal(train_parse(&t, p, 36, CSUM_UNCHECKED), PASS);
	train_set_src(&t, 0x01020304);
	train_set_sport(&t, 60000);
	store_be32(whole + 12, 0x01020304);
	store_be16(whole + 20, 60000);
	build_sums(whole);
	assert_memory_equal(p + 20, whole + 20, 16);
	assert_int_equal(t.sport, 0); /* a fragment has none in its parsed copy */
}

static void the_mss_of_a_syn_is_lowered_and_never_raised(void **state)
{
	static const uint8_t even[8] = { 2, 4, 0x05, 0xb4, 1, 3, 3, 7 };
	static const uint8_t odd[8] = { 1, 2, 4, 0x05, 0xb4, 3, 3, 7 };
	static const uint8_t twice[8] = { 2, 4, 0x05, 0xb4, 2, 4, 0x40, 0x00 };
	static const uint8_t *const options[] = { even, odd, twice };

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		struct build b = { .proto = 6,
				   .flags = TCP_SYN,
				   .tcp_options = options[i],
				   .tcp_options_len = 8 };
		uint8_t p[PACKET_MAX];
		size_t len = build_packet(&b, p, NULL, 0);
		struct train t;

		assert_int_equal(train_parse(&t, p, len, CSUM_UNCHECKED), PASS);
		assert_int_equal(train_clamp_mss(&t, i == 2 ? 0x4000 : 1460), false);
		assert_int_equal(train_clamp_mss(&t, 1380), true);
		assert_int_equal(load_be16(p + (i == 1 ? 43 : 42)), 1380);
		if (i == 2)
			assert_int_equal(load_be16(p + 46), 1380);
		assert_int_equal(train_verify(&t), PASS);
		assert_int_equal(train_clamp_mss(&t, 1380), false);
	}
}

static void a_partial_checksum_does_not_cover_the_mss(void **state)
{
	static const uint8_t options[4] = { 2, 4, 0x05, 0xb4 };
	struct build b = {
		.proto = 6, .flags = TCP_SYN | TCP_ACK, .tcp_options = options, .tcp_options_len = 4
	};
	uint8_t p[PACKET_MAX];
	size_t len = build_packet(&b, p, NULL, 0);
	uint16_t before;
	struct train t;

	(void)state;
	build_partial(p);
	before = load_be16(p + 36);
	assert_int_equal(train_parse(&t, p, len, CSUM_PARTIAL), PASS);
	assert_true(train_clamp_mss(&t, 1000));
	assert_int_equal(load_be16(p + 36), before);
}

static void without_a_sound_mss_option_nothing_changes(void **state)
{
	static const struct {
		uint8_t flags;
		uint8_t options[8];
	} cases[] = {
		{ TCP_ACK, { 2, 4, 0x05, 0xb4, 0, 0, 0, 0 } },
		{ TCP_SYN, { 0, 2, 4, 0x05, 0xb4, 0, 0, 0 } },
		{ TCP_SYN, { 2, 3, 0x05, 0xb4, 0, 0, 0, 0 } },
		{ TCP_SYN, { 2, 0, 0x05, 0xb4, 0, 0, 0, 0 } },
		{ TCP_SYN, { 1, 1, 1, 1, 1, 1, 2, 4 } },
		{ TCP_SYN, { 1, 1, 1, 1, 1, 1, 1, 2 } },
		{ TCP_SYN, { 8, 99, 2, 4, 0x05, 0xb4, 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct build b = { .proto = 6,
				   .flags = cases[i].flags,
				   .tcp_options = cases[i].options,
				   .tcp_options_len = 8 };
		uint8_t p[PACKET_MAX], before[PACKET_MAX];
		size_t len = build_packet(&b, p, NULL, 0);
		struct train t;

		memcpy(before, p, len);
		assert_int_equal(train_parse(&t, p, len, CSUM_UNCHECKED), PASS);
		assert_false(train_clamp_mss(&t, 100));
		assert_memory_equal(p, before, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rewriting_equals_computing_every_checksum_anew),
		cmocka_unit_test(a_udp_checksum_of_0_stays_0),
		cmocka_unit_test(a_computed_0_is_stored_as_ffff_for_udp_and_0_for_tcp),
		cmocka_unit_test(of_a_later_fragment_only_the_ip_header_changes),
		cmocka_unit_test(a_first_fragment_has_ports_and_a_checksum_to_fix),
		cmocka_unit_test(the_mss_of_a_syn_is_lowered_and_never_raised),
		cmocka_unit_test(a_partial_checksum_does_not_cover_the_mss),
		cmocka_unit_test(without_a_sound_mss_option_nothing_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
