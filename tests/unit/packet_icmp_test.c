/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/icmp.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "packet_build.h"

#define GATEWAY  0x0a424d01u
#define N(array) (sizeof(array) / sizeof((array)[0]))

static uint8_t data[2000];

static void assert_sums_are_right(const uint8_t *p, size_t len)
{
	assert_int_equal(load_be16(p + 2), len);
	assert_int_equal(slow_sum(0, p, 20), 0xffff);
	assert_int_equal(slow_sum(0, p + 20, len - 20), 0xffff);
}

static size_t error_about(const struct build *b, size_t payload, uint8_t *out)
{
	static uint8_t p[3000];
	struct train t;

	assert_int_equal(train_parse(&t, p, build_packet(b, p, data, payload), CSUM_UNCHECKED),
			 PASS);
	return icmp_error(&t, ICMP_UNREACHABLE, ICMP_ADMIN_PROHIBITED, 0, GATEWAY, out);
}

static void an_error_quotes_the_packet_and_goes_to_its_source(void **state)
{
	struct build b = { .proto = 17, .sport = 5000, .dport = 53, .id = 99 };
	uint8_t p[200], out[ICMP_ERROR_MAX];
	size_t len = build_packet(&b, p, data, 33);
	struct train t;
	size_t n;

	(void)state;
	assert_int_equal(train_parse(&t, p, len, CSUM_UNCHECKED), PASS);
	n = icmp_error(&t, ICMP_UNREACHABLE, ICMP_FRAG_NEEDED, 1380, GATEWAY, out);
	assert_int_equal(n, 28 + len);
	assert_sums_are_right(out, n);
	assert_int_equal(load_be32(out + 12), GATEWAY);
	assert_int_equal(load_be32(out + 16), CLIENT);
	assert_int_equal(out[9], 1);
	assert_int_equal(out[20], 3);
	assert_int_equal(out[21], 4);
	assert_int_equal(load_be16(out + 24), 0);
	assert_int_equal(load_be16(out + 26), 1380);
	assert_memory_equal(out + 28, p, len);
}

static void an_error_never_exceeds_576_bytes(void **state)
{
	struct build b = { .proto = 17 };
	uint8_t out[ICMP_ERROR_MAX];

	(void)state;
	assert_int_equal(error_about(&b, 519, out), 575);
	assert_int_equal(error_about(&b, 520, out), 576);
	assert_int_equal(error_about(&b, 1400, out), 576);
	assert_sums_are_right(out, 576);
}

static void of_a_train_the_first_segment_is_quoted_as_on_the_wire(void **state)
{
	struct build b = { .proto = 6, .flags = TCP_ACK | TCP_PSH, .seq = 7 };
	uint8_t p[1200], want[200], out[ICMP_ERROR_MAX];
	size_t len = build_packet(&b, p, data, 1000);
	struct train t;
	size_t n;

	(void)state;
	build_partial(p);
	assert_int_equal(train_parse(&t, p, len, CSUM_PARTIAL), PASS);
	t.gso_size = 100;
	b.flags = TCP_ACK;
	len = build_packet(&b, want, data, 100);
	n = icmp_error(&t, ICMP_TIME_EXCEEDED, 0, 0, GATEWAY, out);
	assert_int_equal(n, 28 + len);
	assert_memory_equal(out + 28, want, len);
	assert_sums_are_right(out, n);
}

static void no_error_is_sent_about_what_rfc_1122_names(void **state)
{
	static const struct build never[] = {
		{ .proto = 1, .flags = 3 }, /* ICMP errors */
		{ .proto = 1, .flags = 4 },
		{ .proto = 1, .flags = 5 },
		{ .proto = 1, .flags = 11 },
		{ .proto = 1, .flags = 12 },
		{ .proto = 1, .flags = 99 },
		{ .proto = 253, .fragment = 10 }, /* a later fragment */
		{ .proto = 17, .dst = 0xffffffff },
		{ .proto = 17, .dst = 0xe00000fb },
		{ .proto = 17, .src = 0xe0000001 },
		{ .proto = 17, .src = 0xffffffff },
		{ .proto = 17, .src = 0x7f000001 },
		{ .proto = 17, .src = 0x00000001 },
	};
	static const struct build answered[] = {
		{ .proto = 1, .flags = 8 },
		{ .proto = 1, .flags = 13 },
		{ .proto = 253 },
		{ .proto = 17, .fragment = 0x2000 }, /* a first fragment */
	};
	uint8_t out[ICMP_ERROR_MAX];

	(void)state;
	for (size_t i = 0; i < N(never); i++)
		assert_int_equal(error_about(&never[i], 16, out), 0);
	for (size_t i = 0; i < N(answered); i++)
		assert_int_not_equal(error_about(&answered[i], 16, out), 0);
}

static void an_echo_request_is_turned_around(void **state)
{
	struct build b = { .proto = 1, .flags = 8, .sport = 77, .seq = 3, .ttl = 1, .id = 4 };
	struct build reply = { .proto = 1,
			       .flags = 0,
			       .sport = 77,
			       .seq = 3,
			       .ttl = 64,
			       .id = 4,
			       .src = SERVER,
			       .dst = CLIENT };
	uint8_t p[200], want[200];
	struct train t;

	(void)state;
	for (size_t payload = 0; payload < 60; payload++) {
		size_t len = build_packet(&b, p, data, payload);

		assert_int_equal(train_parse(&t, p, len, CSUM_UNCHECKED), PASS);
		assert_int_equal(icmp_echo_reply(&t), PASS);
		build_packet(&reply, want, data, payload);
		assert_memory_equal(p, want, len);
		assert_int_equal(t.src, SERVER);
		assert_int_equal(t.dst, CLIENT);
		/* A reply is not answered again. */
		assert_int_equal(icmp_echo_reply(&t), DROP_NAT_ICMP_TYPE);
	}
}

static void what_is_no_sound_echo_request_is_not_turned_around(void **state)
{
	static const struct {
		struct build b;
		enum verdict verdict;
	} cases[] = {
		{ { .proto = 1, .flags = 13 }, DROP_NAT_ICMP_TYPE },
		{ { .proto = 17 }, DROP_NAT_ICMP_TYPE },
		{ { .proto = 1, .flags = 8, .fragment = 0x2000 }, DROP_NAT_ICMP_TYPE },
		{ { .proto = 1, .flags = 8, .dst = 0xffffffff }, DROP_NAT_ICMP_TYPE },
		{ { .proto = 1, .flags = 8, .src = 0xe0000001 }, DROP_NAT_ICMP_TYPE },
		{ { .proto = 1, .flags = 8 }, DROP_L4_CHECKSUM },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		uint8_t p[200], before[200];
		size_t len = build_packet(&cases[i].b, p, data, 16);
		struct train t;

		p[len - 1] ^= 1;
		memcpy(before, p, len);
		assert_int_equal(train_parse(&t, p, len, CSUM_UNCHECKED), PASS);
		assert_int_equal(icmp_echo_reply(&t), cases[i].verdict);
		assert_memory_equal(p, before, len);
	}
}

/* An IPv6 packet 2001:db8::2 -> 2001:db8::7 of @len bytes behind the fixed header. */
static size_t build_ip6(uint8_t *p, uint8_t next, size_t len)
{
	memset(p, 0, 40 + len);
	p[0] = 0x60;
	store_be16(p + 4, (uint16_t)len);
	p[6] = next;
	p[7] = 64;
	store_be32(p + 8, 0x20010db8);
	p[23] = 2;
	store_be32(p + 24, 0x20010db8);
	p[39] = 7;
	return 40 + len;
}

/* The ICMPv6 message @out of @n bytes is sound, and goes from @about's destination to its source. */
static void assert_answers(const uint8_t *out, size_t n, const uint8_t *about)
{
	assert_int_equal(load_be16(out + 4), n - 40);
	assert_int_equal(out[6], 58);
	assert_memory_equal(out + 8, about + 24, 16);
	assert_memory_equal(out + 24, about + 8, 16);
	/* RFC 8200 section 8.1, the slow way. */
	assert_int_equal(slow_sum(slow_sum((uint32_t)(n - 40) + 58, out + 8, 32), out + 40, n - 40),
			 0xffff);
}

static void ipv6_is_refused_by_the_packets_own_destination(void **state)
{
	uint8_t p[1600], out[ICMP6_ERROR_MAX];

	(void)state;
	for (size_t payload = 20; payload < 1500; payload += 37) {
		size_t len = build_ip6(p, 6, payload);
		size_t quoted = len < 1232 ? len : 1232;
		size_t n = icmp6_refusal(p, len + 9, out); /* 9 bytes of padding */

		assert_int_equal(n, 48 + quoted);
		assert_int_equal(out[0], 0x60);
		assert_answers(out, n, p);
		assert_int_equal(out[40], 1);
		assert_int_equal(out[41], 1);
		assert_memory_equal(out + 48, p, quoted);
	}
}

/* Of a train the first segment, whose checksum is complete, is quoted. */
static void an_ipv6_error_quotes_what_would_be_on_the_wire(void **state)
{
	static const uint8_t protocols[] = { 6, 17 };
	static const uint8_t payload[4000] = "what a host sends";
	static uint8_t p[5000], first[2000], out[ICMP6_ERROR_MAX];

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct build b = { .ip6 = true, .proto = protocols[i % 2], .flags = TCP_ACK };
		uint16_t segment = i / 2 == 0 ? 0 : i / 2 == 1 ? 100 : 1400;
		size_t len = build_packet(&b, p, payload, sizeof(payload));
		struct train t;
		size_t n;

		build_partial(p);
		assert_int_equal(train_parse_any(&t, p, len, CSUM_PARTIAL), PASS);
		t.gso_size = segment;
		len = build_packet(&b, first, payload, segment ? segment : 1500);
		n = icmp6_error(&t, ICMP6_PACKET_TOO_BIG, 0, 0x12345, out);
		assert_int_equal(n, len < 1232 ? 48 + len : 1280);
		assert_answers(out, n, p);
		assert_int_equal(out[40], 2);
		assert_int_equal(out[41], 0);
		assert_int_equal(load_be32(out + 44), 0x12345);
		if (segment)
			assert_memory_equal(out + 48, first, n - 48);
	}
}

static void an_ipv6_error_is_not_sent_about_ipv4_or_another_error(void **state)
{
	struct build v4 = { .proto = 17 };
	struct build error = { .ip6 = true, .proto = 58, .flags = 3 };
	struct build echo = { .ip6 = true, .proto = 58, .flags = 128 };
	static uint8_t p[2000], out[ICMP6_ERROR_MAX];
	struct train t;

	(void)state;
	assert_int_equal(train_parse_any(&t, p, build_packet(&v4, p, data, 9), 0), PASS);
	assert_int_equal(icmp6_error(&t, ICMP6_UNREACHABLE, ICMP6_NO_ROUTE, 0, out), 0);
	assert_int_equal(train_parse_any(&t, p, build_packet(&error, p, data, 9), 0), PASS);
	assert_int_equal(icmp6_error(&t, ICMP6_UNREACHABLE, ICMP6_NO_ROUTE, 0, out), 0);
	/* Nor is an IPv4 error about IPv6. */
	assert_int_equal(icmp_error(&t, ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE, 0, GATEWAY, out),
			 0);
	assert_int_equal(train_parse_any(&t, p, build_packet(&echo, p, data, 9), 0), PASS);
	assert_int_equal(icmp6_error(&t, ICMP6_UNREACHABLE, ICMP6_NO_ROUTE, 0, out), 48 + 57);
	assert_int_equal(out[41], ICMP6_NO_ROUTE);
}

/* One or two bytes of a sound packet are set; next header and what follows are given. */
struct ip6_case {
	const char *what;
	uint8_t next;
	uint8_t body[24];
	size_t at;
	uint8_t value;
	bool answered;
};

static void ipv6_is_answered_only_where_rfc_4443_allows(void **state)
{
	static const struct ip6_case cases[] = {
		{ "TCP", 6, { 0 }, 7, 64, true },
		{ "nothing above IPv6", 59, { 0 }, 7, 64, true },
		{ "version 4", 6, { 0 }, 0, 0x45, false },
		{ "payload longer than the packet", 6, { 0 }, 5, 25, false },
		{ "multicast destination", 17, { 0 }, 24, 0xff, false },
		{ "multicast source", 17, { 0 }, 8, 0xff, false },
		{ "echo request", 58, { 128 }, 7, 64, true },
		{ "destination unreachable", 58, { 1 }, 7, 64, false },
		{ "packet too big", 58, { 2 }, 7, 64, false },
		{ "redirect", 58, { 137 }, 7, 64, false },
		{ "error behind options", 60, { 58, 0, 0, 0, 0, 0, 0, 0, 1 }, 7, 64, false },
		{ "echo behind options", 60, { 58, 0, 0, 0, 0, 0, 0, 0, 128 }, 7, 64, true },
		{ "options beyond the packet", 0, { 58, 3 }, 7, 64, false },
		{ "TCP beyond the packet", 0, { 6, 3 }, 7, 64, false },
		{ "first fragment", 44, { 17, 0, 0, 1 }, 7, 64, true },
		{ "later fragment", 44, { 17, 0, 0, 8 }, 7, 64, false },
		{ "error behind authentication",
		  51,
		  { 58, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3 },
		  7,
		  64,
		  false },
		{ "echo behind authentication",
		  51,
		  { 58, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128 },
		  7,
		  64,
		  true },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		uint8_t p[64], out[ICMP6_ERROR_MAX];
		size_t len = build_ip6(p, cases[i].next, 24);

		memcpy(p + 40, cases[i].body, 24);
		p[cases[i].at] = cases[i].value;
		if ((icmp6_refusal(p, len, out) > 0) != cases[i].answered)
			fail_msg("%s", cases[i].what);
	}
}

static void ipv6_from_or_to_no_host_is_not_answered(void **state)
{
	uint8_t p[64], out[ICMP6_ERROR_MAX];
	size_t len;

	(void)state;
	for (uint8_t last = 0; last < 3; last++) {
		len = build_ip6(p, 17, 8);
		memset(p + 8, 0, 16); /* unspecified, loopback, and an address */
		p[23] = last;
		assert_int_equal(icmp6_refusal(p, len, out) > 0, last == 2);
		len = build_ip6(p, 17, 8);
		memset(p + 24, 0, 16);
		p[39] = last;
		assert_int_equal(icmp6_refusal(p, len, out) > 0, last == 2);
	}
	for (size_t n = 0; n < len; n++)
		assert_int_equal(icmp6_refusal(p, n, out), 0);
	build_ip6(p, 58, 0); /* ICMPv6 without a type */
	assert_int_equal(icmp6_refusal(p, 40, out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_quotes_the_packet_and_goes_to_its_source),
		cmocka_unit_test(an_error_never_exceeds_576_bytes),
		cmocka_unit_test(of_a_train_the_first_segment_is_quoted_as_on_the_wire),
		cmocka_unit_test(no_error_is_sent_about_what_rfc_1122_names),
		cmocka_unit_test(an_echo_request_is_turned_around),
		cmocka_unit_test(what_is_no_sound_echo_request_is_not_turned_around),
		cmocka_unit_test(ipv6_is_refused_by_the_packets_own_destination),
		cmocka_unit_test(an_ipv6_error_quotes_what_would_be_on_the_wire),
		cmocka_unit_test(an_ipv6_error_is_not_sent_about_ipv4_or_another_error),
		cmocka_unit_test(ipv6_is_answered_only_where_rfc_4443_allows),
		cmocka_unit_test(ipv6_from_or_to_no_host_is_not_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
