/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/ip6.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/rng.h"
#include "packet_build.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static const uint8_t payload[2000] = { 1, 2, 3 };

static enum verdict parse(struct train *t, uint8_t *p, size_t len)
{
	return train_parse_any(t, p, len, CSUM_UNCHECKED);
}

static void assert_address(const struct addr *a, const char *text)
{
	char formatted[ADDR_TEXT_MAX];

	assert_string_equal(addr_format(a, formatted), text);
}

static void a_tcp_packet_is_split_behind_its_options(void **state)
{
	static const uint8_t options[8] = { 2, 4, 5, 180, 1, 1, 1, 0 };
	struct build b = { .ip6 = true,
			   .flow_label = 0xfedcb,
			   .proto = 6,
			   .ttl = 9,
			   .tos = 0xb9,
			   .sport = 1234,
			   .dport = 443,
			   .flags = TCP_SYN | TCP_ECE,
			   .tcp_options = options,
			   .tcp_options_len = 8 };
	struct addr src, dst;
	struct train t;
	uint8_t p[200];
	size_t len = build_packet(&b, p, payload, 50);

	(void)state;
	assert_int_equal(parse(&t, p, len + 70), PASS); /* 70 bytes of padding */
	assert_true(t.ip6);
	assert_int_equal(t.src | t.dst, 0);
	src = train_src(&t);
	dst = train_dst(&t);
	assert_address(&src, "2001:db8::a42:4d02");
	assert_address(&dst, "2001:db8::c633:6407");
	assert_int_equal(t.ttl, 9);
	assert_int_equal(t.tos, 0xb9);
	assert_int_equal(t.sport, 1234);
	assert_int_equal(t.dport, 443);
	assert_int_equal(t.tcp_flags, TCP_SYN | TCP_ECE);
	assert_true(t.dont_fragment);
	assert_false(train_is_fragment(&t));
	assert_int_equal(t.l4, 40);
	assert_int_equal(t.head_len, 68);
	assert_int_equal(t.len, 118);
	assert_int_equal(t.n_pieces, 1);
	assert_ptr_equal(t.pieces[0].data, p + 68);
	assert_int_equal(t.pieces[0].len, 50);
}

static void an_ip4_packet_is_parsed_as_ever(void **state)
{
	struct build b = { .proto = 17, .sport = 5, .dport = 6 };
	struct train t = { .ip6 = true };
	struct addr src, dst;
	uint8_t p[200];
	size_t len = build_packet(&b, p, payload, 50);

	(void)state;
	assert_int_equal(parse(&t, p, len), PASS);
	assert_false(t.ip6);
	src = train_src(&t);
	dst = train_dst(&t);
	assert_address(&src, "10.66.77.2");
	assert_address(&dst, "198.51.100.7");
	p[0] = 0x55;
	assert_int_equal(parse(&t, p, len), DROP_IP_VERSION);
	assert_int_equal(parse(&t, p, 0), DROP_IP_MALFORMED);
}

static void what_is_behind_extension_headers_is_all_head(void **state)
{
	static const uint8_t protocols[] = { 0, 1, 43, 44, 58, 59, 60, 253 };

	(void)state;
	for (size_t i = 0; i < N(protocols); i++) {
		struct build b = { .ip6 = true, .proto = protocols[i] };
		struct train t;
		uint8_t p[200];
		size_t len = build_packet(&b, p, payload, 16);

		assert_int_equal(parse(&t, p, len), PASS);
		assert_int_equal(t.proto, protocols[i]);
		assert_int_equal(t.head_len, len);
		assert_int_equal(t.n_pieces, 0);
		assert_int_equal(t.sport | t.dport, 0);
		assert_false(train_is_fragment(&t));
		assert_int_equal(train_segments(&t), 1);
	}
}

/* One byte of a sound packet of 40 + 20 (or 8) + 32 bytes is set. */
static void malformed_packets_are_refused_by_name(void **state)
{
	static const struct {
		const char *what;
		uint8_t proto;
		size_t at;
		uint8_t value;
		enum verdict verdict;
	} cases[] = {
		{ "sound TCP", 6, 0, 0x60, PASS },
		{ "sound UDP", 17, 0, 0x60, PASS },
		{ "payload length beyond the packet", 6, 5, 53, DROP_IP_MALFORMED },
		{ "payload length far beyond it", 6, 4, 0xff, DROP_IP_MALFORMED },
		{ "no transport header at all", 6, 5, 0, DROP_L4_MALFORMED },
		{ "nothing behind the header", 58, 5, 0, PASS },
		{ "TCP cut at 19 bytes", 6, 5, 19, DROP_L4_MALFORMED },
		{ "UDP cut at 7 bytes", 17, 5, 7, DROP_L4_MALFORMED },
		{ "TCP header of 16 bytes", 6, 52, 0x40, DROP_L4_MALFORMED },
		{ "TCP header beyond the packet", 6, 52, 0xf0, DROP_L4_MALFORMED },
		{ "UDP length too small", 17, 45, 39, DROP_L4_MALFORMED },
		{ "UDP length too large", 17, 45, 41, DROP_L4_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct build b = { .ip6 = true, .proto = cases[i].proto, .flags = 16 };
		uint8_t p[200];
		size_t len = build_packet(&b, p, payload, 32);
		struct train t;
		enum verdict v;

		p[cases[i].at] = cases[i].value;
		v = parse(&t, p, len);
		if (v != cases[i].verdict)
			fail_msg("%s: %s", cases[i].what, drop_name(v));
	}
}

static void every_truncation_is_refused(void **state)
{
	struct build b = { .ip6 = true, .proto = 6, .flags = TCP_ACK };
	uint8_t p[200];
	size_t len = build_packet(&b, p, payload, 32);
	struct train t;

	(void)state;
	for (size_t n = 0; n < len; n++)
		assert_int_equal(parse(&t, p, n), DROP_IP_MALFORMED);
}

static void what_is_longer_than_a_train_is_refused(void **state)
{
	static uint8_t p[40 + 65535];
	struct build b = { .ip6 = true, .proto = 253 };
	struct train t;

	(void)state;
	build_packet(&b, p, payload, 0);
	store_be16(p + 4, TRAIN_LEN_MAX - 40);
	assert_int_equal(parse(&t, p, sizeof(p)), PASS);
	assert_int_equal(t.len, TRAIN_LEN_MAX);
	store_be16(p + 4, TRAIN_LEN_MAX - 39);
	assert_int_equal(parse(&t, p, sizeof(p)), DROP_IP_MALFORMED);
}

static void checksums_are_verified_with_the_pseudo_header(void **state)
{
	static const uint8_t protocols[] = { 58, 6, 17 };
	struct rng rng = rng_seeded(3);

	(void)state;
	for (unsigned int round = 0; round < 3000; round++) {
		struct build b = { .ip6 = true, .proto = protocols[round % 3], .flags = 128 };
		uint8_t data[700], p[800];
		uint32_t at;
		struct train t;
		size_t len;

		rng_fill(&rng, data, sizeof(data));
		len = build_packet(&b, p, data, rng_below(&rng, sizeof(data)));
		assert_int_equal(parse(&t, p, len), PASS);
		/* An address, the transport header or the payload. */
		at = 8 + rng_below(&rng, (uint32_t)len - 8);
		p[at] ^= 1;
		assert_int_equal(train_verify(&t), DROP_L4_CHECKSUM);
		assert_int_equal(t.csum, CSUM_UNCHECKED);
		p[at] ^= 1;
		assert_int_equal(train_verify(&t), PASS);
		assert_int_equal(t.csum, CSUM_VERIFIED);
	}
}

static void a_datagram_without_a_checksum_is_wrong(void **state)
{
	struct build b = { .ip6 = true, .proto = 17, .no_checksum = true };
	struct build other = { .ip6 = true, .proto = 1, .flags = 8 };
	struct train t;
	uint8_t p[200];
	size_t len = build_packet(&b, p, payload, 50);

	(void)state;
	assert_int_equal(parse(&t, p, len), PASS);
	assert_int_equal(train_verify(&t), DROP_L4_CHECKSUM);
	/* ICMP of the other family means nothing here. */
	len = build_packet(&other, p, payload, 50);
	p[len - 1] ^= 1;
	assert_int_equal(parse(&t, p, len), PASS);
	assert_int_equal(train_verify(&t), PASS);
}

static void the_traffic_class_changes_and_nothing_else(void **state)
{
	struct build b = { .ip6 = true, .flow_label = 0xabcde, .tos = 0x5a, .proto = 17 };
	struct train t, again;
	uint8_t p[200], want[200];
	size_t len;

	(void)state;
	for (unsigned int tos = 0; tos < 256; tos++) {
		len = build_packet(&b, p, payload, 50);
		assert_int_equal(parse(&t, p, len), PASS);
		train_set_tos(&t, (uint8_t)tos);
		assert_int_equal(t.tos, tos);
		assert_int_equal(parse(&again, p, len), PASS);
		assert_int_equal(again.tos, tos);
		assert_int_equal(train_verify(&again), PASS);
		build_packet(&b, want, payload, 50);
		assert_int_equal(p[0] >> 4, 6);
		assert_int_equal(p[1] & 15, want[1] & 15);
		assert_memory_equal(p + 2, want + 2, len - 2);
	}
}

static void the_segment_size_of_a_syn_is_lowered(void **state)
{
	static const uint8_t options[8] = { 1, 2, 4, 5, 180, 1, 1, 0 };
	struct build b = { .ip6 = true,
			   .proto = 6,
			   .flags = TCP_SYN,
			   .tcp_options = options,
			   .tcp_options_len = 8 };
	struct train t;
	uint8_t p[200];
	size_t len = build_packet(&b, p, NULL, 0);

	(void)state;
	assert_int_equal(parse(&t, p, len), PASS);
	assert_true(train_clamp_mss(&t, 1340));
	assert_int_equal(load_be16(p + 63), 1340);
	assert_int_equal(train_verify(&t), PASS);
	assert_false(train_clamp_mss(&t, 1340));
}

static void the_upper_layer_is_found_behind_a_chain(void **state)
{
	static const struct {
		const char *what;
		uint8_t next;
		uint8_t chain[24];
		int upper;
		size_t offset;
	} cases[] = {
		{ "none", 6, { 0 }, 6, 40 },
		{ "hop-by-hop", 0, { 17, 0 }, 17, 48 },
		{ "hop-by-hop, routing, destination",
		  0,
		  { 43, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0, 58, 0 },
		  58,
		  64 },
		{ "long destination options", 60, { 6, 2 }, 6, 64 },
		{ "authentication", 51, { 6, 4 }, 6, 64 },
		{ "first fragment", 44, { 17, 0, 0, 1 }, 17, 48 },
		{ "later fragment", 44, { 17, 0, 0, 8 }, -1, 0 },
		{ "longer than the packet", 60, { 6, 3 }, -1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		uint8_t p[64] = { 0x60 };
		size_t offset = 0;

		p[6] = cases[i].next;
		memcpy(p + 40, cases[i].chain, 24);
		if (ip6_upper_layer(p, sizeof(p), &offset) != cases[i].upper ||
		    offset != cases[i].offset)
			fail_msg("%s", cases[i].what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tcp_packet_is_split_behind_its_options),
		cmocka_unit_test(an_ip4_packet_is_parsed_as_ever),
		cmocka_unit_test(what_is_behind_extension_headers_is_all_head),
		cmocka_unit_test(malformed_packets_are_refused_by_name),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(what_is_longer_than_a_train_is_refused),
		cmocka_unit_test(checksums_are_verified_with_the_pseudo_header),
		cmocka_unit_test(a_datagram_without_a_checksum_is_wrong),
		cmocka_unit_test(the_traffic_class_changes_and_nothing_else),
		cmocka_unit_test(the_segment_size_of_a_syn_is_lowered),
		cmocka_unit_test(the_upper_layer_is_found_behind_a_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
