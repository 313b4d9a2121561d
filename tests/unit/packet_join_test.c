/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/train.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/rng.h"
#include "packet_build.h"

#define SEGMENT_MAX 1600

static uint8_t payload[TRAIN_LEN_MAX];

/* A batch as it comes off the wire, with a copy to compare with. */
struct batch {
	uint8_t bytes[BATCH_MAX][SEGMENT_MAX];
	uint8_t copy[BATCH_MAX][SEGMENT_MAX];
	size_t len[BATCH_MAX];
	struct train t[BATCH_MAX];
	size_t n;
};

static struct batch batch;

static void batch_clear(void)
{
	struct rng rng = rng_seeded(7);

	if (payload[0] == 0)
		rng_fill(&rng, payload, sizeof(payload));
	payload[0] |= 1;
	batch.n = 0;
}

static void batch_add(const struct build *b, size_t payload_len)
{
	size_t i = batch.n++;

	batch.len[i] = build_packet(b, batch.bytes[i], payload + i, payload_len);
	memcpy(batch.copy[i], batch.bytes[i], batch.len[i]);
	assert_int_equal(train_parse_any(&batch.t[i], batch.bytes[i], batch.len[i], CSUM_UNCHECKED),
			 PASS);
}

/* Adds @n segments of @len bytes that continue each other, from @b on. */
static void batch_add_run(struct build *b, size_t n, size_t len)
{
	for (size_t i = 0; i < n; i++) {
		batch_add(b, len);
		b->seq += (uint32_t)len;
		b->id++;
	}
}

static struct build tcp_data(bool ip6)
{
	return (struct build){ .ip6 = ip6,
			       .proto = 6,
			       .sport = 40000,
			       .dport = 443,
			       .seq = 0xfffff000,
			       .ack = 77,
			       .flags = TCP_ACK,
			       .window = 500,
			       .id = 0xfffe };
}

static struct build udp_data(bool ip6)
{
	return (struct build){ .ip6 = ip6, .proto = 17, .sport = 50000, .dport = 443, .id = 10 };
}

/* Whether two packets have the same addresses and ports. */
static bool same_flow(const uint8_t *a, const uint8_t *b)
{
	bool ip6 = a[0] >> 4 == 6;

	return a[0] >> 4 == b[0] >> 4 && build_proto(a) == build_proto(b) &&
	       memcmp(a + (ip6 ? 8 : 12), b + (ip6 ? 8 : 12), ip6 ? 36 : 12) == 0;
}

/* The packets that @n trains stand for are the batch's again, each flow in its order. */
static void assert_cut_gives_the_batch_back(size_t n)
{
	static bool seen[BATCH_MAX];
	static uint8_t out[TRAIN_LEN_MAX];
	size_t total = 0;

	memset(seen, 0, sizeof(seen));
	for (size_t i = 0; i < n; i++) {
		struct cut cut;
		size_t len;

		assert_int_equal(batch.t[i].len, build_len(batch.t[i].head));
		cut_start(&cut, &batch.t[i]);
		while ((len = cut_next(&cut, out, sizeof(out))) > 0) {
			size_t k = 0;

			/* The first packet of this flow not seen yet must be this one. */
			while (k < batch.n && (seen[k] || !same_flow(batch.copy[k], out)))
				k++;
			assert_true(k < batch.n);
			assert_int_equal(len, batch.len[k]);
			assert_memory_equal(out, batch.copy[k], len);
			seen[k] = true;
			total++;
		}
		assert_int_equal(cut.segment, train_segments(&batch.t[i]));
	}
	assert_int_equal(total, batch.n);
}

static const bool families[] = { false, true }; /* IPv4, IPv6 */

/* The one train that is left has the head of the whole, with a partial checksum. */
static void assert_head_is_of_the_whole(const struct train *t)
{
	size_t check_at = build_check_at(t->head);

	assert_int_equal(t->csum, CSUM_PARTIAL);
	assert_int_equal(build_len(t->head), t->len);
	assert_int_equal(load_be16(t->head + check_at),
			 slow_pseudo(t->head, t->len - build_l4(t->head)));
	if (t->proto == 17)
		assert_int_equal(load_be16(train_l4(t) + 4), t->len - t->l4);
}

static void tcp_segments_that_continue_each_other_become_one(void **state)
{
	(void)state;
	for (size_t f = 0; f < 2; f++) {
		struct build b = tcp_data(families[f]);
		uint32_t head = families[f] ? 60 : 40;

		batch_clear();
		batch_add_run(&b, 45, 1400);
		b.flags |= TCP_PSH | TCP_FIN;
		batch_add(&b, 333);
		assert_int_equal(trains_join(batch.t, batch.n), 1);
		assert_int_equal(batch.t[0].gso_size, 1400);
		assert_int_equal(batch.t[0].len, head + 45 * 1400 + 333);
		assert_int_equal(batch.t[0].tcp_flags, TCP_ACK | TCP_PSH | TCP_FIN);
		assert_int_equal(train_segments(&batch.t[0]), 46);
		assert_int_equal(train_segment_len(&batch.t[0]), head + 1400);
		assert_head_is_of_the_whole(&batch.t[0]);
		assert_cut_gives_the_batch_back(1);
	}
}

static void udp_datagrams_of_equal_length_but_the_last_become_one(void **state)
{
	(void)state;
	for (size_t f = 0; f < 2; f++) {
		struct build b = udp_data(families[f]);

		batch_clear();
		for (unsigned int i = 0; i < 20; i++, b.id++)
			batch_add(&b, i < 19 ? 1201 : 17);
		batch_add(&b, 1201);
		assert_int_equal(trains_join(batch.t, batch.n), 2);
		assert_int_equal(batch.t[0].gso_size, 1201);
		assert_head_is_of_the_whole(&batch.t[0]);
		assert_cut_gives_the_batch_back(2);
	}
}

static void flows_that_interleave_join_each_on_its_own(void **state)
{
	struct build flow[8];

	(void)state;
	batch_clear();
	for (unsigned int f = 0; f < 8; f++) {
		flow[f] = tcp_data(f & 1);
		flow[f].sport = (uint16_t)(1000 + f / 2);
	}
	for (unsigned int i = 0; i < 8; i++) {
		for (unsigned int f = 0; f < 8; f++)
			batch_add_run(&flow[f], 1, 1000);
	}
	assert_int_equal(trains_join(batch.t, batch.n), 8);
	assert_cut_gives_the_batch_back(8);
}

static void of_more_flows_than_are_kept_open_none_is_lost(void **state)
{
	struct build flow[12];
	size_t n;

	(void)state;
	batch_clear();
	for (unsigned int f = 0; f < 12; f++) {
		flow[f] = tcp_data(false);
		flow[f].sport = (uint16_t)(1000 + f);
		batch_add_run(&flow[f], 2, 100);
	}
	for (unsigned int f = 0; f < 12; f++)
		batch_add_run(&flow[f], 1, 100);
	n = trains_join(batch.t, batch.n);
	assert_true(n < batch.n);
	assert_cut_gives_the_batch_back(n);
}

/* Two segments that would join, if the second one did not differ in one way. */
struct differs {
	const char *what;
	size_t at;     /* byte of the packet */
	uint8_t value; /* xor */
};

/* Each of the @n cases keeps two segments of @b apart. */
static void assert_kept_apart(const struct differs *cases, size_t n, const struct build *b)
{
	for (size_t i = 0; i < n; i++) {
		struct build next = *b;

		batch_clear();
		batch_add_run(&next, 2, 100);
		batch.bytes[1][cases[i].at] ^= cases[i].value;
		build_sums(batch.bytes[1]);
		memcpy(batch.copy[1], batch.bytes[1], batch.len[1]);
		assert_int_equal(
			train_parse_any(&batch.t[1], batch.bytes[1], batch.len[1], CSUM_UNCHECKED),
			PASS);
		if (trains_join(batch.t, 2) != 2)
			fail_msg("joined in spite of: %s", cases[i].what);
		assert_cut_gives_the_batch_back(2);
	}
}

static const uint8_t timestamp[12] = { 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8 };

static void segments_that_differ_in_the_header_stay_apart(void **state)
{
	static const struct differs cases[] = {
		{ "TOS (ECN CE)", 1, 3 },    { "identification", 5, 4 },
		{ "DF", 6, 0x40 },           { "TTL", 8, 1 },
		{ "source", 15, 1 },         { "destination", 19, 1 },
		{ "source port", 21, 1 },    { "destination port", 23, 1 },
		{ "sequence", 27, 1 },       { "acknowledgement", 31, 1 },
		{ "reserved bit", 32, 1 },   { "SYN", 33, TCP_SYN },
		{ "RST", 33, TCP_RST },      { "URG", 33, 0x20 },
		{ "no ACK", 33, TCP_ACK },   { "CWR", 33, TCP_CWR },
		{ "ECE", 33, TCP_ECE },      { "window", 35, 1 },
		{ "urgent pointer", 39, 1 }, { "timestamp option", 49, 1 },
	};
	struct build b = tcp_data(false);

	(void)state;
	b.tcp_options = timestamp;
	b.tcp_options_len = sizeof(timestamp);
	assert_kept_apart(cases, sizeof(cases) / sizeof(cases[0]), &b);
}

static void segments_that_differ_in_the_ip6_header_stay_apart(void **state)
{
	static const struct differs cases[] = {
		{ "traffic class, high bits", 0, 1 },
		{ "traffic class, ECN", 1, 0x30 },
		{ "flow label, high bits", 1, 8 },
		{ "flow label", 3, 1 },
		{ "hop limit", 7, 1 },
		{ "source, first byte", 8, 1 },
		{ "source, last byte", 23, 1 },
		{ "destination, first byte", 24, 1 },
		{ "destination, last byte", 39, 1 },
		{ "source port", 41, 1 },
		{ "destination port", 43, 1 },
		{ "sequence", 47, 1 },
		{ "CWR", 53, TCP_CWR },
		{ "timestamp option", 69, 1 },
	};
	struct build b = tcp_data(true);

	(void)state;
	b.tcp_options = timestamp;
	b.tcp_options_len = sizeof(timestamp);
	assert_kept_apart(cases, sizeof(cases) / sizeof(cases[0]), &b);
}

static void with_df_any_identification_joins(void **state)
{
	struct build b = tcp_data(false);

	(void)state;
	b.fragment = 0x4000;
	batch_clear();
	batch_add_run(&b, 1, 100);
	b.id = 0;
	batch_add_run(&b, 1, 100);
	assert_int_equal(trains_join(batch.t, 2), 1);
}

static void what_comes_between_closes_its_own_flow_only(void **state)
{
	struct build b = tcp_data(false);
	struct build other = udp_data(false);
	struct build pure_ack;

	(void)state;
	batch_clear();
	batch_add_run(&b, 2, 100);
	batch_add(&other, 10);
	batch_add_run(&b, 1, 100);
	pure_ack = b;
	batch_add(&pure_ack, 0);
	b.id++;
	batch_add_run(&b, 2, 100);
	assert_int_equal(trains_join(batch.t, batch.n), 4);
	assert_int_equal(train_segments(&batch.t[0]), 3);
	assert_int_equal(batch.t[1].proto, 17);
	assert_int_equal(batch.t[2].n_pieces, 0);
	assert_int_equal(train_segments(&batch.t[3]), 2);
	assert_cut_gives_the_batch_back(4);
}

static void a_fragment_is_not_overtaken_by_its_flow(void **state)
{
	struct build b = udp_data(false);
	struct build fragment = udp_data(false);

	(void)state;
	fragment.fragment = 0x2000;
	batch_clear();
	batch_add(&b, 96);
	batch_add(&fragment, 96);
	b.id++;
	batch_add(&b, 96);
	assert_int_equal(trains_join(batch.t, 3), 3);
}

static void push_ends_a_train(void **state)
{
	struct build b = tcp_data(false);

	(void)state;
	batch_clear();
	batch_add_run(&b, 2, 100);
	b.flags |= TCP_PSH;
	batch_add_run(&b, 1, 100);
	b.flags = TCP_ACK;
	batch_add_run(&b, 2, 100);
	assert_int_equal(trains_join(batch.t, batch.n), 2);
	assert_int_equal(train_segments(&batch.t[0]), 3);
	assert_cut_gives_the_batch_back(2);
}

static void a_wrong_checksum_is_never_laundered(void **state)
{
	(void)state;
	for (size_t i = 0; i < 8; i++) {
		struct build b = tcp_data(i / 4);
		size_t bad = i % 4;
		size_t n;

		batch_clear();
		batch_add_run(&b, 4, 100);
		batch.bytes[bad][90] ^= 0x10;
		batch.copy[bad][90] ^= 0x10;
		n = trains_join(batch.t, 4);
		assert_in_range(n, 2, 3);
		assert_cut_gives_the_batch_back(n);
		for (size_t k = 0; k < n; k++) {
			if (batch.t[k].head == batch.bytes[bad])
				assert_int_equal(train_verify(&batch.t[k]), DROP_L4_CHECKSUM);
		}
	}
}

static void partial_checksums_join_and_are_completed_by_the_cut(void **state)
{
	static struct build (*const kinds[])(bool) = { tcp_data, udp_data };

	(void)state;
	for (unsigned int k = 0; k < 4; k++) {
		struct build b = kinds[k % 2](k / 2);

		batch_clear();
		batch_add_run(&b, 3, 101);
		for (size_t i = 0; i < 3; i++) {
			build_partial(batch.bytes[i]);
			batch.t[i].csum = CSUM_PARTIAL;
		}
		assert_int_equal(trains_join(batch.t, 3), 1);
		assert_cut_gives_the_batch_back(1);
	}
}

/* In IPv6 it is an error that stays visible. */
static void a_datagram_without_a_checksum_stays_alone(void **state)
{
	(void)state;
	for (size_t f = 0; f < 2; f++) {
		struct build b = udp_data(families[f]);

		b.no_checksum = true;
		batch_clear();
		batch_add(&b, 100);
		b.id++;
		batch_add(&b, 100);
		assert_int_equal(trains_join(batch.t, 2), 2);
		assert_cut_gives_the_batch_back(2);
	}
}

/* Behind extension headers there may be more of the flow: what followed must not overtake it. */
static void extension_headers_are_not_overtaken_by_their_flow(void **state)
{
	struct build b = udp_data(true);
	struct build other = udp_data(true);
	struct build fragment = { .ip6 = true, .proto = 44 };

	(void)state;
	other.dst = CLIENT;
	batch_clear();
	batch_add(&b, 96);
	batch_add(&other, 96);
	batch_add(&fragment, 96);
	batch_add(&b, 96);
	batch_add(&other, 96);
	assert_int_equal(trains_join(batch.t, batch.n), 4);
	assert_int_equal(train_segments(&batch.t[1]), 2);
	assert_cut_gives_the_batch_back(4);
}

static void a_train_never_exceeds_its_greatest_length(void **state)
{
	(void)state;
	for (size_t f = 0; f < 2; f++) {
		struct build b = tcp_data(families[f]);
		size_t head = families[f] ? 60 : 40;

		batch_clear();
		batch_add_run(&b, 46, 1455); /* 45 x 1455 + 60 = 65535 */
		assert_int_equal(trains_join(batch.t, batch.n), 2);
		assert_int_equal(batch.t[0].len, 45 * 1455 + head);
		assert_cut_gives_the_batch_back(2);
	}
}

/* One random packet of one of a few flows, which mostly continues its flow. */
static void add_random(struct rng *rng, struct build *flow, unsigned int n_flows)
{
	struct build *b = &flow[rng_below(rng, n_flows)];
	size_t len = rng_below(rng, 4) ? 700 : rng_below(rng, 701);

	if (b->proto == 6) {
		b->flags = TCP_ACK;
		if (rng_below(rng, 8) == 0)
			b->flags |= (uint8_t)(1u << rng_below(rng, 8));
	}
	if (rng_below(rng, 16) == 0)
		b->seq += rng_below(rng, 3) - 1;
	if (rng_below(rng, 16) == 0)
		b->tos ^= 3;
	if (rng_below(rng, 32) == 0)
		b->flow_label ^= 1;
	batch_add(b, len);
	b->seq += (uint32_t)len;
	b->id++;
}

static void cutting_what_was_joined_gives_the_same_packets(void **state)
{
	struct rng rng = rng_seeded(11);
	size_t packets = 0;
	size_t trains = 0;

	(void)state;
	for (unsigned int round = 0; round < 2000; round++) {
		struct build flow[6];
		unsigned int n_flows = 1 + rng_below(&rng, 6);
		size_t n;

		batch_clear();
		for (unsigned int f = 0; f < n_flows; f++) {
			bool ip6 = rng_below(&rng, 2);

			flow[f] = rng_below(&rng, 2) ? tcp_data(ip6) : udp_data(ip6);
			flow[f].sport = (uint16_t)(1000 + f);
			flow[f].seq = rng_u32(&rng);
		}
		for (unsigned int i = rng_below(&rng, BATCH_MAX + 1); i > 0; i--)
			add_random(&rng, flow, n_flows);
		n = trains_join(batch.t, batch.n);
		assert_cut_gives_the_batch_back(n);
		packets += batch.n;
		trains += n;
	}
	assert_true(trains < packets * 2 / 3); /* or the property would hold of doing nothing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_segments_that_continue_each_other_become_one),
		cmocka_unit_test(udp_datagrams_of_equal_length_but_the_last_become_one),
		cmocka_unit_test(flows_that_interleave_join_each_on_its_own),
		cmocka_unit_test(of_more_flows_than_are_kept_open_none_is_lost),
		cmocka_unit_test(segments_that_differ_in_the_header_stay_apart),
		cmocka_unit_test(segments_that_differ_in_the_ip6_header_stay_apart),
		cmocka_unit_test(with_df_any_identification_joins),
		cmocka_unit_test(what_comes_between_closes_its_own_flow_only),
		cmocka_unit_test(a_fragment_is_not_overtaken_by_its_flow),
		cmocka_unit_test(push_ends_a_train),
		cmocka_unit_test(a_wrong_checksum_is_never_laundered),
		cmocka_unit_test(partial_checksums_join_and_are_completed_by_the_cut),
		cmocka_unit_test(a_datagram_without_a_checksum_stays_alone),
		cmocka_unit_test(extension_headers_are_not_overtaken_by_their_flow),
		cmocka_unit_test(a_train_never_exceeds_its_greatest_length),
		cmocka_unit_test(cutting_what_was_joined_gives_the_same_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
