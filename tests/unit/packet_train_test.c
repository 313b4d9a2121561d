/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/train.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/rng.h"
#include "packet_build.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static const uint8_t payload[2000] = { 1, 2, 3 };

static enum verdict parse(struct train *t, uint8_t *p, size_t len)
{
	return train_parse(t, p, len, CSUM_UNCHECKED);
}

static void a_tcp_packet_is_split_behind_its_options(void **state)
{
	static const uint8_t options[8] = { 2, 4, 5, 180, 1, 1, 1, 0 };
	struct build b = { .proto = 6,
			   .ttl = 9,
			   .tos = 0xb8,
			   .sport = 1234,
			   .dport = 443,
			   .flags = TCP_SYN | TCP_ECE,
			   .tcp_options = options,
			   .tcp_options_len = 8,
			   .fragment = 0x4000 };
	struct train t;
	uint8_t p[200];
	size_t len = build_packet(&b, p, payload, 50);

	(void)state;
	assert_int_equal(parse(&t, p, len + 70), PASS); /* 70 bytes of link padding */
	assert_int_equal(t.src, CLIENT);
	assert_int_equal(t.dst, SERVER);
	assert_int_equal(t.ttl, 9);
	assert_int_equal(t.tos, 0xb8);
	assert_int_equal(t.sport, 1234);
	assert_int_equal(t.dport, 443);
	assert_int_equal(t.tcp_flags, TCP_SYN | TCP_ECE);
	assert_true(t.dont_fragment);
	assert_false(train_is_fragment(&t));
	assert_int_equal(t.l4, 20);
	assert_int_equal(t.head_len, 48);
	assert_int_equal(t.len, 98);
	assert_int_equal(t.n_pieces, 1);
	assert_ptr_equal(t.pieces[0].data, p + 48);
	assert_int_equal(t.pieces[0].len, 50);
	assert_int_equal(train_segments(&t), 1);
	assert_int_equal(train_segment_len(&t), 98);
}

static void what_has_no_ports_is_all_head(void **state)
{
	struct build echo = { .proto = 1, .flags = 8, .sport = 77 };
	struct build error = { .proto = 1, .flags = 3, .sport = 77 };
	struct build other = { .proto = 253 };
	struct build fragment = { .proto = 17, .sport = 5, .fragment = 0x2000 };
	struct build later = { .proto = 253, .fragment = 0x2000 | 185 };
	struct build *const all[] = { &echo, &error, &other, &fragment, &later };
	static const uint16_t ports[] = { 77, 0, 0, 0, 0 };

	(void)state;
	for (size_t i = 0; i < N(all); i++) {
		struct train t;
		uint8_t p[200];
		size_t len = build_packet(all[i], p, payload, 16);

		assert_int_equal(parse(&t, p, len), PASS);
		assert_int_equal(t.head_len, len);
		assert_int_equal(t.n_pieces, 0);
		assert_int_equal(t.sport, ports[i]);
		assert_int_equal(t.dport, ports[i]);
		assert_int_equal(train_is_fragment(&t), i >= 3);
	}
}

/* One byte of a sound packet of 20 + 20 (or 8) + 32 bytes is set, sums are made good. */
struct malformed {
	const char *what;
	uint8_t proto;
	size_t at;
	uint8_t value;
	enum verdict verdict;
};

static void malformed_packets_are_refused_by_name(void **state)
{
	static const struct malformed cases[] = {
		{ "sound TCP", 6, 1, 0, PASS },
		{ "sound UDP", 17, 1, 0, PASS },
		{ "sound ICMP", 1, 1, 0, PASS },
		{ "version 6", 6, 0, 0x65, DROP_IP_VERSION },
		{ "version 0", 6, 0, 0x05, DROP_IP_VERSION },
		{ "header of 16 bytes", 6, 0, 0x44, DROP_IP_MALFORMED },
		{ "no transport header at all", 1, 3, 20, DROP_L4_MALFORMED },
		{ "total length below the header", 6, 3, 19, DROP_IP_MALFORMED },
		{ "total length beyond the packet", 6, 2, 1, DROP_IP_MALFORMED },
		{ "TCP cut at 19 bytes", 6, 3, 39, DROP_L4_MALFORMED },
		{ "UDP cut at 7 bytes", 17, 3, 27, DROP_L4_MALFORMED },
		{ "ICMP cut at 7 bytes", 1, 3, 27, DROP_L4_MALFORMED },
		{ "TCP header of 16 bytes", 6, 32, 0x40, DROP_L4_MALFORMED },
		{ "TCP header beyond the packet", 6, 32, 0xf0, DROP_L4_MALFORMED },
		{ "UDP length too small", 17, 25, 39, DROP_L4_MALFORMED },
		{ "UDP length too large", 17, 25, 41, DROP_L4_MALFORMED },
		{ "TCP fragment at 8 bytes (RFC 3128)", 6, 7, 1, DROP_FRAGMENT },
		{ "TCP fragment at 16 bytes", 6, 7, 2, DROP_FRAGMENT },
		{ "TCP fragment at 24 bytes", 6, 7, 3, PASS },
		{ "first fragment", 17, 6, 0x20, PASS },
		{ "reserved flag", 6, 6, 0x80, PASS },
		{ "unknown protocol", 6, 9, 200, PASS },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct build b = { .proto = cases[i].proto, .flags = cases[i].proto == 1 ? 8 : 16 };
		uint8_t p[200];
		size_t len = build_packet(&b, p, payload, 32);
		struct train t;
		enum verdict v;

		p[cases[i].at] = cases[i].value;
		store_be16(p + 10, 0);
		store_be16(p + 10, (uint16_t)~slow_sum(0, p, (p[0] & 15u) * 4));
		v = parse(&t, p, len);
		if (v != cases[i].verdict)
			fail_msg("%s: %s", cases[i].what, drop_name(v));
	}
}

static void every_truncation_is_refused(void **state)
{
	struct build b = { .proto = 6, .flags = TCP_ACK };
	uint8_t p[200];
	size_t len = build_packet(&b, p, payload, 32);
	struct train t;

	(void)state;
	for (size_t n = 0; n < len; n++)
		assert_int_equal(parse(&t, p, n), DROP_IP_MALFORMED);
}

static void a_wrong_header_checksum_is_refused(void **state)
{
	struct build b = { .proto = 6 };
	uint8_t p[200];
	size_t len = build_packet(&b, p, payload, 32);
	struct train t;

	(void)state;
	for (size_t bit = 32; bit < 160; bit++) {
		p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(parse(&t, p, len), DROP_IP_CHECKSUM);
		p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void options_are_read_for_source_routes(void **state)
{
	static const struct {
		uint8_t bytes[8];
		enum verdict verdict;
	} cases[] = {
		{ { 1, 1, 1, 1, 1, 1, 1, 1 }, PASS },
		{ { 7, 7, 4, 0, 0, 0, 0, 0 }, PASS },   /* record route */
		{ { 0, 131, 3, 4, 0, 0, 0, 0 }, PASS }, /* behind the end nothing counts */
		{ { 131, 7, 4, 8, 8, 8, 8, 0 }, DROP_IP_SOURCE_ROUTE },
		{ { 1, 137, 7, 4, 8, 8, 8, 8 }, DROP_IP_SOURCE_ROUTE },
		{ { 7, 9, 4, 0, 0, 0, 0, 0 }, DROP_IP_MALFORMED },
		{ { 7, 1, 4, 0, 0, 0, 0, 0 }, DROP_IP_MALFORMED },
		{ { 7, 0, 4, 0, 0, 0, 0, 0 }, DROP_IP_MALFORMED },
		{ { 1, 1, 1, 1, 1, 1, 1, 7 }, DROP_IP_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct build b = { .proto = 17, .ip_options = cases[i].bytes, .ip_options_len = 8 };
		uint8_t p[200];
		size_t len = build_packet(&b, p, payload, 10);
		struct train t;

		assert_int_equal(parse(&t, p, len), cases[i].verdict);
	}
}

static void tiny_and_impossible_fragments_are_refused(void **state)
{
	static const struct {
		uint8_t proto;
		uint16_t fragment;
		size_t len; /* behind the IPv4 header */
		enum verdict verdict;
	} cases[] = {
		{ 6, 0x2000, 24, PASS },
		{ 6, 0x2000, 16, DROP_FRAGMENT },
		{ 6, 0x2003, 16, PASS },
		{ 6, 0x2002, 16, DROP_FRAGMENT },
		{ 17, 0x2000, 8, PASS },
		{ 17, 0x2001, 8, PASS },
		{ 1, 0x2000, 8, PASS },
		{ 17, 0x2000, 12, DROP_FRAGMENT }, /* not the last, no multiple of 8 */
		{ 17, 0x0001, 12, PASS },
		{ 17, 0x0001, 0, DROP_FRAGMENT },
		{ 17, 0x1fff, 7, DROP_FRAGMENT }, /* 20 + 65528 + 7 exceed 65535 */
		{ 17, 0x1ffc, 8, PASS },
		{ 17, 0x1ffd, 12, DROP_FRAGMENT },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct build b = { .proto = 253, .fragment = cases[i].fragment };
		uint8_t p[200];
		size_t len = build_packet(&b, p, payload, cases[i].len);
		struct train t;

		p[9] = cases[i].proto;
		if (cases[i].proto == 6 && cases[i].len >= 20)
			p[32] = 0x50;
		if (cases[i].proto == 17 && cases[i].len >= 8)
			store_be16(p + 24, 1000);
		store_be16(p + 10, 0);
		store_be16(p + 10, (uint16_t)~slow_sum(0, p, 20));
		assert_int_equal(parse(&t, p, len), cases[i].verdict);
	}
}

static void checksums_are_verified_at_odd_lengths_and_over_pieces(void **state)
{
	static const uint8_t protocols[] = { 1, 6, 17 };
	struct rng rng = rng_seeded(3);

	(void)state;
	for (unsigned int round = 0; round < 3000; round++) {
		struct build b = { .proto = protocols[round % 3], .flags = 8, .sport = 9 };
		uint8_t data[700], p[800];
		struct train t;
		size_t len;

		rng_fill(&rng, data, sizeof(data));
		len = build_packet(&b, p, data, rng_below(&rng, sizeof(data)));
		assert_int_equal(parse(&t, p, len), PASS);
		if (t.n_pieces == 1 && t.pieces[0].len > 1) { /* the same bytes in two pieces */
			uint32_t n = 1 + rng_below(&rng, t.pieces[0].len - 1);

			t.pieces[1].data = t.pieces[0].data + n;
			t.pieces[1].len = t.pieces[0].len - n;
			t.pieces[0].len = n;
			t.n_pieces = 2;
		}
		p[len - 1] ^= 1;
		assert_int_equal(train_verify(&t), DROP_L4_CHECKSUM);
		assert_int_equal(t.csum, CSUM_UNCHECKED);
		p[len - 1] ^= 1;
		assert_int_equal(train_verify(&t), PASS);
		assert_int_equal(t.csum, CSUM_VERIFIED);
	}
}

static void what_cannot_be_verified_passes(void **state)
{
	struct build none = { .proto = 17, .no_checksum = true };
	struct build fragment = { .proto = 17, .fragment = 0x2000 };
	struct build other = { .proto = 253 };
	struct build *const all[] = { &none, &fragment, &other };
	static const enum csum_state after[] = { CSUM_VERIFIED, CSUM_UNCHECKED, CSUM_VERIFIED };

	(void)state;
	for (size_t i = 0; i < N(all); i++) {
		uint8_t p[200];
		size_t len = build_packet(all[i], p, payload, 16);
		struct train t;

		assert_int_equal(parse(&t, p, len), PASS);
		p[len - 1] ^= 1;
		assert_int_equal(train_verify(&t), PASS);
		assert_int_equal(t.csum, after[i]);
	}
	assert_int_equal(parse(&(struct train){ .len = 0 }, NULL, 0), DROP_IP_MALFORMED);
}

static void a_train_is_linearized_uncut(void **state)
{
	struct build b = { .proto = 17 };
	uint8_t p[200], out[200];
	size_t len = build_packet(&b, p, payload, 90);
	struct train t;

	(void)state;
	assert_int_equal(parse(&t, p, len), PASS);
	t.pieces[1] = (struct piece){ t.pieces[0].data + 33, 57 };
	t.pieces[0].len = 33;
	t.n_pieces = 2;
	t.gso_size = 40;
	assert_int_equal(train_segments(&t), 3);
	assert_int_equal(train_segment_len(&t), 68);
	assert_int_equal(train_linearize(&t, out, len - 1), 0);
	assert_int_equal(train_linearize(&t, out, len), len);
	assert_memory_equal(out, p, len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tcp_packet_is_split_behind_its_options),
		cmocka_unit_test(what_has_no_ports_is_all_head),
		cmocka_unit_test(malformed_packets_are_refused_by_name),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(a_wrong_header_checksum_is_refused),
		cmocka_unit_test(options_are_read_for_source_routes),
		cmocka_unit_test(tiny_and_impossible_fragments_are_refused),
		cmocka_unit_test(checksums_are_verified_at_odd_lengths_and_over_pieces),
		cmocka_unit_test(what_cannot_be_verified_passes),
		cmocka_unit_test(a_train_is_linearized_uncut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
