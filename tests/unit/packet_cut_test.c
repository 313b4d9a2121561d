/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/train.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/rng.h"
#include "packet_build.h"

static uint8_t whole[TRAIN_LEN_MAX];
static uint8_t pool[2 * TRAIN_LEN_MAX];
static uint8_t data[TRAIN_LEN_MAX];

/* A train over @b with @len bytes of payload, in pieces of random length at random alignment. */
static struct train build_train(struct rng *rng, const struct build *b, size_t len,
				uint16_t gso_size, unsigned int pieces)
{
	size_t at = 0;
	size_t used = 0;
	struct train t;

	assert_int_equal(
		train_parse_any(&t, whole, build_packet(b, whole, data, len), CSUM_PARTIAL), PASS);
	build_partial(whole);
	t.gso_size = gso_size;
	t.n_pieces = 0;
	for (unsigned int i = 0; i < pieces && at < len; i++) {
		size_t n = 1 + rng_below(rng, 1 + (uint32_t)(2 * len / pieces));

		if (n > len - at || i + 1 == pieces)
			n = len - at;
		used += rng_below(rng, 8);
		memcpy(pool + used, data + at, n);
		t.pieces[t.n_pieces++] = (struct piece){ pool + used, (uint32_t)n };
		used += n;
		at += n;
	}
	return t;
}

/* Segment @i of @b with @len bytes of payload in all, built the slow way. */
static size_t slow_segment(const struct build *b, size_t len, size_t gso_size, size_t i,
			   uint8_t *out)
{
	size_t at = i * gso_size;
	struct build s = *b;

	s.seq += (uint32_t)at;
	s.id = (uint16_t)(s.id + i);
	if (at + gso_size < len)
		s.flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	else
		gso_size = len - at;
	if (i > 0)
		s.flags &= (uint8_t)~TCP_CWR;
	return build_packet(&s, out, data + at, gso_size);
}

static void segments_equal_those_built_the_slow_way(void **state)
{
	static const uint8_t options[12] = { 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8 };
	static uint8_t out[TRAIN_LEN_MAX], want[TRAIN_LEN_MAX];
	struct rng rng = rng_seeded(9);

	(void)state;
	rng_fill(&rng, data, sizeof(data));
	for (unsigned int round = 0; round < 800; round++) {
		struct build b = { .ip6 = round & 2,
				   .flow_label = 0x54321,
				   .tos = 0xb9,
				   .proto = round & 1 ? 6 : 17,
				   .sport = 7,
				   .dport = 8,
				   .tcp_options = options,
				   .tcp_options_len = 12,
				   .flags = (uint8_t)rng_u32(&rng) };
		size_t len = 1 + rng_below(&rng, round % 8 ? 4000 : 65000);
		uint16_t gso_size = (uint16_t)(1 + len / (1 + rng_below(&rng, 50)));
		struct train t;
		struct cut cut;
		size_t n, i = 0;

		b.id = (uint16_t)rng_u32(&rng);
		b.seq = rng_u32(&rng);
		t = build_train(&rng, &b, len, gso_size, 1 + rng_below(&rng, TRAIN_PIECES_MAX));
		cut_start(&cut, &t);
		while ((n = cut_next(&cut, out, sizeof(out))) > 0) {
			assert_int_equal(n, slow_segment(&b, len, gso_size, i++, want));
			assert_memory_equal(out, want, n);
			assert_true(n <= train_segment_len(&t));
		}
		assert_int_equal(i, train_segments(&t));
		assert_int_equal(i, (len + gso_size - 1) / gso_size);
	}
}

static void a_lone_partial_packet_is_completed(void **state)
{
	static const uint8_t protocols[] = { 6, 17 };

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct build b = { .ip6 = i / 2,
				   .proto = protocols[i % 2],
				   .flags = TCP_ACK | TCP_PSH,
				   .sport = 3 };
		uint8_t p[200], want[200], out[200];
		size_t len = build_packet(&b, p, data, 101);
		struct train t;
		struct cut cut;

		memcpy(want, p, len);
		build_partial(p);
		assert_int_equal(train_parse_any(&t, p, len, CSUM_PARTIAL), PASS);
		cut_start(&cut, &t);
		assert_int_equal(cut_next(&cut, out, sizeof(out)), len);
		assert_memory_equal(out, want, len);
		assert_int_equal(cut_next(&cut, out, sizeof(out)), 0);
	}
}

static void a_complete_lone_packet_is_copied_right_or_wrong(void **state)
{
	static const uint8_t protocols[] = { 1, 6, 17, 253 };

	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		struct build b = { .proto = protocols[i / 2],
				   .flags = 8,
				   .fragment = i & 1 ? 0x2000 : 0 };
		uint8_t p[200], out[200];
		/* A first fragment's payload is a multiple of 8 bytes, its header included. */
		size_t len = build_packet(&b, p, data, b.proto == 6 ? 100 : 104);
		struct train t;
		struct cut cut;

		p[len - 1] ^= 1;
		/* No one can complete the checksum of a fragment, whatever is said about it. */
		assert_int_equal(train_parse(&t, p, len, i & 1 ? CSUM_PARTIAL : CSUM_UNCHECKED),
				 PASS);
		cut_start(&cut, &t);
		assert_int_equal(cut_next(&cut, out, sizeof(out)), len);
		assert_memory_equal(out, p, len);
		assert_int_equal(cut_next(&cut, out, sizeof(out)), 0);
	}
}

static void a_complete_lone_ip6_packet_is_copied_right_or_wrong(void **state)
{
	static const uint8_t protocols[] = { 6, 17, 44, 58 };

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct build b = { .ip6 = true, .proto = protocols[i], .flags = 128 };
		uint8_t p[200], out[200];
		size_t len = build_packet(&b, p, data, 100);
		struct train t;
		struct cut cut;

		p[len - 1] ^= 1;
		assert_int_equal(train_parse_any(&t, p, len, CSUM_UNCHECKED), PASS);
		cut_start(&cut, &t);
		assert_int_equal(cut_next(&cut, out, sizeof(out)), len);
		assert_memory_equal(out, p, len);
		assert_int_equal(cut_next(&cut, out, sizeof(out)), 0);
	}
}

static void a_packet_without_payload_is_one_segment(void **state)
{
	struct build b = { .proto = 6, .flags = TCP_ACK };
	uint8_t p[200], out[200];
	size_t len = build_packet(&b, p, NULL, 0);
	struct train t;
	struct cut cut;

	(void)state;
	assert_int_equal(train_parse(&t, p, len, CSUM_UNCHECKED), PASS);
	cut_start(&cut, &t);
	assert_int_equal(cut_next(&cut, out, sizeof(out)), 40);
	assert_memory_equal(out, p, 40);
	assert_int_equal(cut_next(&cut, out, sizeof(out)), 0);
}

static void segments_of_a_computed_0_carry_ffff(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct build b = { .ip6 = i, .proto = 17, .sport = 1, .dport = 2 };
		uint8_t p[200], out[200];
		uint8_t body[4] = { 0, 0, 0, 0 };
		size_t at = i == 0 ? 26 : 46;
		size_t len = build_packet(&b, p, body, 4);
		struct train t;
		struct cut cut;

		memcpy(body, p + at, 2); /* the payload that brings the sum to 0xffff */
		len = build_packet(&b, p, body, 4);
		assert_int_equal(load_be16(p + at), 0xffff);
		build_partial(p);
		assert_int_equal(train_parse_any(&t, p, len, CSUM_PARTIAL), PASS);
		cut_start(&cut, &t);
		assert_int_equal(cut_next(&cut, out, sizeof(out)), len);
		assert_int_equal(load_be16(out + at), 0xffff);
	}
}

static void datagrams_without_a_checksum_stay_without(void **state)
{
	struct build b = { .proto = 17, .no_checksum = true };
	uint8_t p[200], out[200];
	size_t len = build_packet(&b, p, data, 100);
	struct train t;
	struct cut cut;
	unsigned int n = 0;

	(void)state;
	assert_int_equal(train_parse(&t, p, len, CSUM_UNCHECKED), PASS);
	t.gso_size = 40;
	cut_start(&cut, &t);
	while ((len = cut_next(&cut, out, sizeof(out))) > 0) {
		assert_int_equal(load_be16(out + 26), 0);
		assert_int_equal(load_be16(out + 24), len - 20);
		n++;
	}
	assert_int_equal(n, 3);
}

static void too_little_room_writes_nothing(void **state)
{
	struct build b = { .proto = 17 };
	uint8_t p[200], out[200] = { 0 };
	size_t len = build_packet(&b, p, data, 100);
	struct train t;
	struct cut cut;

	(void)state;
	assert_int_equal(train_parse(&t, p, len, CSUM_UNCHECKED), PASS);
	cut_start(&cut, &t);
	assert_int_equal(cut_next(&cut, out, len - 1), 0);
	assert_int_equal(out[0], 0);
	assert_int_equal(cut_next(&cut, out, len), len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_equal_those_built_the_slow_way),
		cmocka_unit_test(a_lone_partial_packet_is_completed),
		cmocka_unit_test(a_complete_lone_packet_is_copied_right_or_wrong),
		cmocka_unit_test(a_complete_lone_ip6_packet_is_copied_right_or_wrong),
		cmocka_unit_test(a_packet_without_payload_is_one_segment),
		cmocka_unit_test(segments_of_a_computed_0_carry_ffff),
		cmocka_unit_test(datagrams_without_a_checksum_stay_without),
		cmocka_unit_test(too_little_room_writes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
