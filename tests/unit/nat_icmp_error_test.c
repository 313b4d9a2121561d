/* SPDX-License-Identifier: BSD-2-Clause */
#include "nat_rig.h"

#include "packet/icmp.h"

#define HOP 0xc0000233u /* 192.0.2.51: a router on the way */

/* The error that @from sends to the source of the packet at @about, with @quote bytes of it. */
static void make_error(uint32_t from, uint8_t type, const uint8_t *about, size_t quote)
{
	uint8_t quoted[1500];
	struct build b = { .src = from, .dst = load_be32(about + 12), .proto = ICMP };

	b.flags = type;
	memcpy(quoted, about, quote);
	rig.len = build_packet(&b, rig.bytes, quoted, quote);
}

/* Recomputes the sums of the outer packet after a test has damaged or moved things. */
static void reseal(void)
{
	build_sums(rig.bytes);
}

struct conversation {
	uint8_t proto;
	uint16_t port;     /* external */
	size_t len;        /* of both */
	uint8_t in[1500];  /* as the client sent it */
	uint8_t out[1500]; /* as the internet saw it */
};

static struct conversation speak(uint32_t src, uint8_t proto, size_t options, size_t payload)
{
	static const uint8_t no_ops[40] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
					    1, 1, 1, 1, 1, 1, 1, 1, 1, 0 };
	static const uint8_t text[1400];
	struct conversation c = { .proto = proto };
	struct build b = { .src = src,
			   .dst = SERVER,
			   .proto = proto,
			   .sport = 5000,
			   .dport = 80,
			   .ip_options = no_ops,
			   .ip_options_len = options };

	b.flags = proto == ICMP ? 8 : TCP_SYN;
	rig.len = build_packet(&b, rig.bytes, text, payload);
	assert_int_equal(rig_pass(&rig, true, client_of(src)), PASS);
	c.len = rig.len;
	memcpy(c.in, rig.sent, c.len);
	memcpy(c.out, rig.bytes, c.len);
	c.port = rig.t.sport;
	return c;
}

/* The first @len bytes quoted are those of @want; half a TCP checksum can't be right. */
static void assert_quotes(const uint8_t *want, size_t len)
{
	const uint8_t *quoted = rig.bytes + 28;
	size_t check = build_check_at(want);

	if (len == check + 1)
		len--;
	assert_memory_equal(quoted, want, len);
}

/* RFC 5508 REQ-4, with every length of quotation and with options (REQ-3b). */
static void an_error_from_outside_quotes_what_the_client_sent(void **state)
{
	static const uint8_t protos[] = { TCP, UDP, ICMP };
	static const uint8_t types[] = { ICMP_UNREACHABLE, ICMP_TIME_EXCEEDED,
					 ICMP_PARAMETER_PROBLEM };

	(void)state;
	for (int i = 0; i < 3; i++) {
		for (size_t options = 0; options <= 40; options += 20) {
			struct conversation c = speak(ALICE, protos[i], options, 31);

			for (size_t quote = 28 + options; quote <= c.len; quote++) {
				make_error(HOP, types[i], c.out, quote);
				assert_int_equal(rig_pass(&rig, false, 0), PASS);
				assert_int_equal(rig.t.src, HOP);
				assert_int_equal(rig.t.dst, ALICE);
				assert_int_equal(rig.bytes[20], types[i]);
				assert_quotes(c.in, quote);
			}
		}
	}
}

/* RFC 5508 REQ-5: the client complains about what it received. */
static void an_error_from_inside_quotes_what_the_server_sent(void **state)
{
	static const uint8_t protos[] = { TCP, UDP, ICMP };
	uint8_t outside[200], inside[200];
	static const uint8_t text[20];

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct conversation c = speak(ALICE, protos[i], 0, 0);
		struct build b = { .src = SERVER,
				   .dst = EXTERNAL,
				   .proto = protos[i],
				   .sport = protos[i] == ICMP ? c.port : 80,
				   .dport = c.port };
		size_t len;

		b.flags = protos[i] == ICMP ? 0 : TCP_ACK;
		len = rig.len = build_packet(&b, rig.bytes, text, sizeof(text));
		assert_int_equal(rig_pass(&rig, false, 0), PASS);
		memcpy(outside, rig.sent, len);
		memcpy(inside, rig.bytes, len);
		for (size_t quote = 28; quote <= len; quote++) {
			make_error(ALICE, ICMP_UNREACHABLE, inside, quote);
			assert_int_equal(rig_pass(&rig, true, 0), PASS);
			assert_int_equal(rig.t.src, EXTERNAL);
			assert_int_equal(rig.t.dst, SERVER);
			assert_quotes(outside, quote);
		}
		/* Somebody else's connection is not the client's to complain about. */
		make_error(BOB, ICMP_UNREACHABLE, inside, len);
		assert_int_equal(rig_pass(&rig, true, 1), DROP_NAT_ICMP_EMBEDDED);
	}
}

static void an_error_about_what_was_never_sent_is_dropped(void **state)
{
	static const uint8_t protos[] = { TCP, UDP, ICMP };

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct conversation c = speak(ALICE, protos[i], 0, 10);
		size_t port = protos[i] == ICMP ? 24 : 20;

		/* Another port of ours. */
		make_error(HOP, ICMP_UNREACHABLE, c.out, 28);
		store_be16(rig.bytes + 28 + port, 9);
		reseal();
		assert_int_equal(rig_pass(&rig, false, 0), DROP_NAT_ICMP_EMBEDDED);

		/* Another destination; UDP keeps no list of those. */
		make_error(HOP, ICMP_UNREACHABLE, c.out, 28);
		store_be32(rig.bytes + 28 + 16, OTHER);
		store_be16(rig.bytes + 28 + 10, 0);
		store_be16(rig.bytes + 28 + 10, (uint16_t)~slow_sum(0, rig.bytes + 28, 20));
		reseal();
		assert_int_equal(rig_pass(&rig, false, 0),
				 protos[i] == UDP ? PASS : DROP_NAT_ICMP_EMBEDDED);

		/* Another source than ours. */
		make_error(HOP, ICMP_UNREACHABLE, c.out, 28);
		store_be32(rig.bytes + 28 + 12, OTHER);
		store_be16(rig.bytes + 28 + 10, 0);
		store_be16(rig.bytes + 28 + 10, (uint16_t)~slow_sum(0, rig.bytes + 28, 20));
		reseal();
		assert_int_equal(rig_pass(&rig, false, 0), DROP_NAT_ICMP_EMBEDDED);
	}
	/* A reply of ours, where only requests are sent. */
	struct conversation c = speak(ALICE, ICMP, 0, 10);

	make_error(HOP, ICMP_UNREACHABLE, c.out, 28);
	rig.bytes[28 + 20] = 0;
	reseal();
	assert_int_equal(rig_pass(&rig, false, 0), DROP_NAT_ICMP_EMBEDDED);
}

static void an_error_from_inside_about_what_never_came_is_dropped(void **state)
{
	struct build b = { .src = SERVER, .dst = ALICE, .proto = TCP, .sport = 80, .dport = 5000 };
	uint8_t quoted[100];
	size_t len;

	(void)state;
	(void)speak(ALICE, TCP, 0, 0);
	len = build_packet(&b, quoted, NULL, 0);
	make_error(ALICE, ICMP_UNREACHABLE, quoted, len);
	assert_int_equal(rig_pass(&rig, true, 0), PASS);

	make_error(ALICE, ICMP_UNREACHABLE, quoted, len);
	rig.bytes[rig.len - 1] ^= 1;
	assert_int_equal(rig_pass(&rig, true, 0), DROP_L4_CHECKSUM);

	b.sport = 81; /* no such connection */
	len = build_packet(&b, quoted, NULL, 0);
	make_error(ALICE, ICMP_UNREACHABLE, quoted, len);
	assert_int_equal(rig_pass(&rig, true, 0), DROP_NAT_ICMP_EMBEDDED);

	b.dport = 5001; /* no such mapping */
	len = build_packet(&b, quoted, NULL, 0);
	make_error(ALICE, ICMP_UNREACHABLE, quoted, len);
	assert_int_equal(rig_pass(&rig, true, 0), DROP_NAT_ICMP_EMBEDDED);

	(void)speak(ALICE, ICMP, 0, 0);
	b = (struct build){ .src = SERVER, .dst = ALICE, .proto = ICMP, .sport = 5000, .flags = 8 };
	len = build_packet(&b, quoted, NULL, 0); /* requests don't come in */
	make_error(ALICE, ICMP_UNREACHABLE, quoted, len);
	assert_int_equal(rig_pass(&rig, true, 0), DROP_NAT_ICMP_EMBEDDED);
}

/* RFC 768: no checksum stays none, and a computed 0 does not become none. */
static void an_embedded_udp_checksum_is_never_lost_or_invented(void **state)
{
	struct conversation c = speak(ALICE, UDP, 0, 30);

	(void)state;
	store_be16(c.out + 26, 0);
	make_error(HOP, ICMP_UNREACHABLE, c.out, c.len);
	assert_int_equal(rig_pass(&rig, false, 0), PASS);
	assert_int_equal(load_be16(rig.bytes + 28 + 26), 0);
	for (uint32_t sum = 1; sum <= 0xffff; sum++) {
		store_be16(c.out + 26, (uint16_t)sum);
		make_error(HOP, ICMP_UNREACHABLE, c.out, c.len);
		assert_int_equal(rig_pass(&rig, false, 0), PASS);
		assert_int_not_equal(load_be16(rig.bytes + 28 + 26), 0);
	}
}

/* RFC 5508 REQ-3, 3a, 3c. */
static void checksums_are_looked_at_where_the_rfc_says(void **state)
{
	struct conversation c = speak(ALICE, UDP, 0, 30);

	(void)state;
	make_error(HOP, ICMP_UNREACHABLE, c.out, c.len);
	rig.bytes[rig.len - 1] ^= 1;
	assert_int_equal(rig_pass(&rig, false, 0), DROP_L4_CHECKSUM);

	make_error(HOP, ICMP_UNREACHABLE, c.out, c.len);
	rig.bytes[28 + 8] ^= 1; /* the embedded TTL, not summed again */
	reseal();
	assert_int_equal(rig_pass(&rig, false, 0), DROP_NAT_ICMP_EMBEDDED);

	make_error(HOP, ICMP_UNREACHABLE, c.out, c.len);
	rig.bytes[28 + 27] ^= 1; /* the embedded UDP checksum */
	reseal();
	assert_int_equal(rig_pass(&rig, false, 0), PASS);
}

static void hostile_quotations_are_dropped(void **state)
{
	struct conversation c = speak(ALICE, TCP, 0, 30);
	struct rng rng = rng_seeded(4);

	(void)state;
	for (size_t quote = 0; quote < 28; quote++) {
		make_error(HOP, ICMP_UNREACHABLE, c.out, quote);
		store_be32(rig.bytes + 16, EXTERNAL);
		reseal();
		assert_int_equal(rig_pass(&rig, false, 0), DROP_NAT_ICMP_EMBEDDED);
	}
	for (int i = 0; i < 200000; i++) {
		size_t quote = rng_below(&rng, 80);
		uint8_t *heap;

		memcpy(rig.bytes, c.out, c.len);
		for (uint32_t n = rng_below(&rng, 4); n > 0; n--)
			rig.bytes[rng_below(&rng, 50)] = (uint8_t)rng_u32(&rng);
		store_be16(rig.bytes + 10, 0);
		store_be16(rig.bytes + 10,
			   (uint16_t)~slow_sum(0, rig.bytes, (rig.bytes[0] & 15u) * 4));
		make_error(HOP, ICMP_UNREACHABLE, rig.bytes, quote < c.len ? quote : c.len);
		store_be32(rig.bytes + 16, EXTERNAL);
		reseal();
		heap = test_malloc(rig.len); /* exact, for AddressSanitizer */
		memcpy(heap, rig.bytes, rig.len);
		assert_int_equal(train_parse(&rig.t, heap, rig.len, CSUM_UNCHECKED), PASS);
		if (nat_inbound(rig.nat, &rig.t, rig.now) == PASS) {
			assert_int_equal(rig.t.dst, ALICE);
			assert_true(sums_are_right(heap));
		}
		test_free(heap);
	}
	assert_int_equal(rig_mappings(&rig), 1);
}

static void quotations_of_other_protocols_and_later_fragments_are_dropped(void **state)
{
	struct conversation c = speak(ALICE, UDP, 0, 30);

	(void)state;
	c.out[9] = 47;
	build_sums(c.out);
	make_error(HOP, ICMP_UNREACHABLE, c.out, c.len);
	assert_int_equal(rig_pass(&rig, false, 0), DROP_NAT_ICMP_EMBEDDED);
	c.out[9] = UDP;
	c.out[7] = 1;
	build_sums(c.out);
	make_error(HOP, ICMP_UNREACHABLE, c.out, c.len);
	assert_int_equal(rig_pass(&rig, false, 0), DROP_NAT_ICMP_EMBEDDED);
	c.out[7] = 0;
	build_sums(c.out);
	make_error(HOP, ICMP_UNREACHABLE, c.out, c.len);
	rig.bytes[6] = 0x20; /* the error itself in fragments */
	store_be16(rig.bytes + 2, 60);
	rig.len = 60;
	reseal();
	assert_int_equal(rig_pass(&rig, false, 0), DROP_FRAGMENT);
}

/* RFC 4787 REQ-12, RFC 5382 REQ-10, RFC 5508 REQ-6. */
static void errors_neither_end_nor_refresh_a_mapping(void **state)
{
	struct conversation tcp = speak(ALICE, TCP, 0, 0);
	struct conversation echo = speak(ALICE, ICMP, 0, 0);

	(void)state;
	for (int i = 0; i < 61; i++) {
		make_error(HOP, ICMP_UNREACHABLE, tcp.out, tcp.len);
		assert_int_equal(rig_pass(&rig, false, 0), PASS);
		make_error(HOP, ICMP_UNREACHABLE, echo.out, echo.len);
		assert_int_equal(rig_pass(&rig, false, 0), i < 60 ? PASS : DROP_NAT_ICMP_EMBEDDED);
		rig_wait(&rig, i == 59 ? 2 * SECOND : SECOND);
	}
	assert_int_equal(tcp_in(&rig, SERVER, 80, tcp.port, TCP_SYN | TCP_ACK), PASS);
}

/* RFC 5508 REQ-7. */
static void a_hairpinned_error_reaches_the_other_client(void **state)
{
	uint8_t seen[100];
	size_t len;
	uint16_t bob;

	(void)state;
	assert_int_equal(udp_out(&rig, BOB, 7000, SERVER, 7), PASS);
	bob = rig.t.sport;
	assert_int_equal(udp_out(&rig, ALICE, 5000, EXTERNAL, bob), PASS);
	assert_int_equal(nat_inbound(rig.nat, &rig.t, rig.now), PASS);
	len = rig.len;
	memcpy(seen, rig.bytes, len);

	make_error(BOB, ICMP_UNREACHABLE, seen, len);
	assert_int_equal(rig_pass(&rig, true, 1), PASS);
	assert_int_equal(rig.t.src, EXTERNAL);
	assert_int_equal(rig.t.dst, EXTERNAL);
	assert_int_equal(nat_inbound(rig.nat, &rig.t, rig.now), PASS);
	assert_true(sums_are_right(rig.bytes));
	assert_int_equal(rig.t.src, EXTERNAL);
	assert_int_equal(rig.t.dst, ALICE);
	assert_int_equal(load_be32(rig.bytes + 28 + 12), ALICE);
	assert_int_equal(load_be16(rig.bytes + 28 + 20), 5000);
	assert_int_equal(load_be32(rig.bytes + 28 + 16), EXTERNAL);
	assert_int_equal(load_be16(rig.bytes + 28 + 22), bob);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define RIGGED(test) cmocka_unit_test_setup_teardown(test, start, stop)
		RIGGED(an_error_from_outside_quotes_what_the_client_sent),
		RIGGED(an_error_from_inside_quotes_what_the_server_sent),
		RIGGED(an_error_about_what_was_never_sent_is_dropped),
		RIGGED(an_error_from_inside_about_what_never_came_is_dropped),
		RIGGED(an_embedded_udp_checksum_is_never_lost_or_invented),
		RIGGED(checksums_are_looked_at_where_the_rfc_says),
		RIGGED(hostile_quotations_are_dropped),
		RIGGED(quotations_of_other_protocols_and_later_fragments_are_dropped),
		RIGGED(errors_neither_end_nor_refresh_a_mapping),
		RIGGED(a_hairpinned_error_reaches_the_other_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
