/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/flow_hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/wire.h"
#include "packet/train.h"

#define LANES 4

/* As much of a packet as the hash may look at. */
static size_t ip4(uint8_t p[static 40], uint8_t proto, uint16_t fragment, uint16_t sport)
{
	memset(p, 0, 40);
	p[0] = 0x45;
	store_be16(p + 2, 40);
	store_be16(p + 6, fragment);
	p[8] = 64;
	p[9] = proto;
	store_be32(p + 12, 0x0a424d02);
	store_be32(p + 16, 0xc6336407);
	store_be16(p + 20, sport);
	store_be16(p + 22, 443);
	return 40;
}

static size_t ip6(uint8_t p[static 60], uint8_t next, uint16_t sport)
{
	memset(p, 0, 60);
	p[0] = 0x60;
	store_be16(p + 4, 20);
	p[6] = next;
	p[7] = 64;
	p[8] = 0xfd;
	p[23] = 2;
	p[24] = 0x20;
	p[39] = 7;
	store_be16(p + 40, sport);
	store_be16(p + 42, 443);
	return 60;
}

static void all_packets_of_a_flow_have_one_number(void **state)
{
	uint8_t a[40], b[40];
	size_t len = ip4(a, IPPROTO_NUM_TCP, 0x4000, 1000);

	(void)state;
	memcpy(b, a, len);
	store_be16(b + 2, 1400); /* length, identification, TTL and sequence number differ */
	store_be16(b + 4, 77);
	b[8] = 3;
	store_be32(b + 24, 0x12345678);
	assert_int_equal(flow_hash(a, len), flow_hash(b, len));
}

static void each_part_of_the_five_tuple_counts(void **state)
{
	static const size_t at4[] = { 9, 12, 15, 16, 19, 20, 21, 22, 23 };
	static const size_t at6[] = { 6, 8, 23, 24, 39, 40, 41, 42, 43 };
	uint8_t p[60];
	uint32_t first;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(at4) / sizeof(at4[0]); i++) {
		len = ip4(p, IPPROTO_NUM_TCP, 0, 1000);
		first = flow_hash(p, len);
		p[at4[i]] ^= 23; /* makes UDP of TCP's 6: another protocol with ports */
		assert_int_not_equal(flow_hash(p, len), first);
	}
	for (size_t i = 0; i < sizeof(at6) / sizeof(at6[0]); i++) {
		len = ip6(p, IPPROTO_NUM_TCP, 1000);
		first = flow_hash(p, len);
		p[at6[i]] ^= 23;
		assert_int_not_equal(flow_hash(p, len), first);
	}
}

static void fragments_of_one_packet_stay_together(void **state)
{
	uint8_t first[40], last[40];
	size_t len = ip4(first, IPPROTO_NUM_UDP, 0x2000, 1000);

	(void)state;
	ip4(last, IPPROTO_NUM_UDP, 185, 54321); /* payload where the ports would be */
	assert_int_equal(flow_hash(first, len), flow_hash(last, len));
}

static void what_has_no_ports_is_told_by_its_addresses(void **state)
{
	uint8_t a[60], b[60];
	size_t len = ip4(a, IPPROTO_NUM_ICMP, 0, 1000);

	(void)state;
	ip4(b, IPPROTO_NUM_ICMP, 0, 2000);
	assert_int_equal(flow_hash(a, len), flow_hash(b, len));
	len = ip6(a, 0, 1000); /* hop-by-hop options first */
	ip6(b, 0, 2000);
	assert_int_equal(flow_hash(a, len), flow_hash(b, len));
}

static void options_move_the_ports(void **state)
{
	uint8_t a[64] = { 0 }, b[64] = { 0 };

	(void)state;
	ip4(a, IPPROTO_NUM_TCP, 0, 0);
	ip4(b, IPPROTO_NUM_TCP, 0, 0);
	a[0] = b[0] = 0x46;
	memset(a + 20, 1, 4);
	memset(b + 20, 1, 4);
	store_be16(a + 24, 1000);
	store_be16(b + 24, 2000);
	assert_int_not_equal(flow_hash(a, 64), flow_hash(b, 64));
}

static void short_and_foreign_packets_are_read_no_further_than_they_go(void **state)
{
	uint8_t p[60];
	size_t len = ip4(p, IPPROTO_NUM_TCP, 0, 1000);
	uint32_t without;

	(void)state;
	assert_int_equal(flow_hash(p, 0), 0);
	assert_int_equal(flow_hash(p, 19), 0);
	without = flow_hash(p, 20);
	assert_int_equal(flow_hash(p, 23), without);
	assert_int_not_equal(flow_hash(p, 24), without);
	p[0] = 0x4f; /* a header that is not there */
	assert_int_equal(flow_hash(p, len), without);
	p[0] = 0x41; /* and one that is too short to be one */
	assert_int_equal(flow_hash(p, len), without);
	ip6(p, IPPROTO_NUM_UDP, 1000);
	assert_int_equal(flow_hash(p, 39), 0);
	assert_int_equal(flow_hash(p, 43), flow_hash(p, 40));
	p[0] = 0x50;
	assert_int_equal(flow_hash(p, 60), 0);
}

/* What a browser opens: neighbouring source ports to one server. */
static void neighbouring_flows_spread_over_the_lanes(void **state)
{
	unsigned int n[LANES] = { 0 };
	uint8_t p[40];

	(void)state;
	for (uint16_t port = 40000; port < 41000; port++) {
		size_t len = ip4(p, IPPROTO_NUM_TCP, 0, port);

		n[flow_hash(p, len) % LANES]++;
	}
	for (size_t i = 0; i < LANES; i++) {
		assert_true(n[i] > 200);
		assert_true(n[i] < 300);
	}
}

static void a_train_has_the_number_of_its_packets(void **state)
{
	uint8_t p[40];
	size_t len = ip4(p, IPPROTO_NUM_TCP, 0, 1000);
	struct train t = { .head = p, .head_len = (uint32_t)len };

	(void)state;
	assert_int_equal(train_flow_hash(&t), flow_hash(p, len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_packets_of_a_flow_have_one_number),
		cmocka_unit_test(each_part_of_the_five_tuple_counts),
		cmocka_unit_test(fragments_of_one_packet_stay_together),
		cmocka_unit_test(what_has_no_ports_is_told_by_its_addresses),
		cmocka_unit_test(options_move_the_ports),
		cmocka_unit_test(short_and_foreign_packets_are_read_no_further_than_they_go),
		cmocka_unit_test(neighbouring_flows_spread_over_the_lanes),
		cmocka_unit_test(a_train_has_the_number_of_its_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
