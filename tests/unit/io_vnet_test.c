/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/vnet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/wire.h"
#include "packet/checksum.h"

#define L2 14

/* A packet of @payload bytes whose checksums are complete. */
static size_t make_packet(uint8_t *p, uint8_t proto, uint32_t payload)
{
	size_t l4_len = proto == IPPROTO_NUM_TCP ? 20 : 8;
	size_t check_at = proto == IPPROTO_NUM_TCP ? 36 : 26;
	uint16_t len = (uint16_t)(l4_len + payload);
	uint64_t sum = checksum_pseudo(0xc0000201, 0xc6336401, proto, len);

	for (size_t i = 0; i < 20u + len; i++)
		p[i] = (uint8_t)(i * 5 + i / 200);
	memcpy(p, "\x45\x00\x00\x00\x00\x01\x40\x00\x40\x00\x00\x00", 12);
	store_be16(p + 2, (uint16_t)(20 + len));
	p[9] = proto;
	store_be32(p + 12, 0xc0000201);
	store_be32(p + 16, 0xc6336401);
	store_be16(p + 10, (uint16_t)~checksum_fold(checksum_add(0, p, 20)));
	if (proto == IPPROTO_NUM_TCP)
		p[32] = 0x50;
	else
		store_be16(p + 24, len);
	store_be16(p + check_at, 0);
	store_be16(p + check_at, (uint16_t)~checksum_fold(checksum_add(sum, p + 20, len)));
	return 20u + len;
}

static const uint8_t protocols[] = { IPPROTO_NUM_TCP, IPPROTO_NUM_UDP };

static void what_is_described_is_parsed_back(void **state)
{
	static uint8_t packet[70000];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		size_t len = make_packet(packet, protocols[i], 5000);
		struct train t, back;
		struct vnet_header h;

		assert_int_equal(train_parse(&t, packet, len, CSUM_PARTIAL), PASS);
		t.gso_size = 999;
		h = vnet_describe(&t, L2);
		assert_int_equal(h.header_len, L2 + t.head_len);
		assert_int_equal(vnet_parse(&back, &h, L2, packet, len), PASS);
		assert_int_equal(back.gso_size, 999);
		assert_int_equal(back.csum, CSUM_PARTIAL);
		assert_true(vnet_is_train(&back));
		/* One segment is no train, whatever its segment size. */
		t.gso_size = 5000;
		h = vnet_describe(&t, L2);
		assert_int_equal(h.gso_type, 0);
		assert_int_equal(vnet_parse(&back, &h, L2, packet, len), PASS);
		assert_int_equal(back.gso_size, 0);
		t.gso_size = 0;
		t.csum = CSUM_UNCHECKED;
		h = vnet_describe(&t, L2);
		assert_int_equal(h.flags, 0);
		assert_int_equal(vnet_parse(&back, &h, L2, packet, len), PASS);
		assert_int_equal(back.csum, CSUM_UNCHECKED);
		h.flags = 2; /* DATA_VALID */
		assert_int_equal(vnet_parse(&back, &h, L2, packet, len), PASS);
		assert_int_equal(back.csum, CSUM_VERIFIED);
	}
}

/* Large receive offload: the sums were right, and the one that is left is of nothing. */
static void a_train_that_the_device_checked_is_cut_with_right_sums(void **state)
{
	static uint8_t packet[70000], out[2000];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		size_t len = make_packet(packet, protocols[i], 5000);
		struct vnet_header h = { .flags = 2, .gso_type = i == 0 ? 1 : 5, .gso_size = 999 };
		struct train t, one;
		struct cut cut;
		size_t n, count = 0;

		packet[i == 0 ? 36 : 26] ^= 0x55;
		assert_int_equal(vnet_parse(&t, &h, L2, packet, len), PASS);
		cut_start(&cut, &t);
		while ((n = cut_next(&cut, out, sizeof(out))) > 0) {
			assert_int_equal(train_parse(&one, out, n, CSUM_UNCHECKED), PASS);
			assert_int_equal(train_verify(&one), PASS);
			count++;
		}
		assert_int_equal(count, 6);
	}
}

static void headers_that_contradict_their_packet_are_refused(void **state)
{
	static uint8_t packet[70000];
	const struct vnet_header wrong[] = {
		{ .flags = 1, .csum_start = L2 + 24, .csum_offset = 16 },
		{ .flags = 1, .csum_start = L2 + 20, .csum_offset = 6 },
		{ .gso_type = 5, .gso_size = 1000 }, /* UDP's on TCP */
		{ .gso_type = 4, .gso_size = 1000 }, /* TCP over IPv6 */
		{ .gso_type = 3, .gso_size = 1000 }, /* UDP fragments */
		{ .gso_type = 1, .gso_size = 0 },
	};
	const struct vnet_header ecn = { .gso_type = 0x81, .gso_size = 1000 };
	struct train t;
	size_t len = make_packet(packet, IPPROTO_NUM_TCP, 5000);

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(vnet_parse(&t, &wrong[i], L2, packet, len), DROP_L4_MALFORMED);
	assert_int_equal(vnet_parse(&t, &ecn, L2, packet, len), PASS);
	assert_int_equal(t.gso_size, 1000);
	packet[6] = 0x20; /* a fragment has no segments */
	store_be16(packet + 10, 0);
	store_be16(packet + 10, (uint16_t)~checksum_fold(checksum_add(0, packet, 20)));
	assert_int_not_equal(vnet_parse(&t, &ecn, L2, packet, len), PASS);
	assert_int_equal(vnet_parse(&t, &ecn, L2, packet, 10), DROP_IP_MALFORMED);
}

static void a_congestion_mark_is_announced_as_ecn(void **state)
{
	static uint8_t packet[70000];
	struct train t;
	size_t len = make_packet(packet, IPPROTO_NUM_TCP, 5000);

	(void)state;
	packet[33] = TCP_CWR;
	assert_int_equal(train_parse(&t, packet, len, CSUM_PARTIAL), PASS);
	t.gso_size = 1000;
	assert_int_equal(vnet_describe(&t, L2).gso_type, 0x81);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_described_is_parsed_back),
		cmocka_unit_test(a_train_that_the_device_checked_is_cut_with_right_sums),
		cmocka_unit_test(headers_that_contradict_their_packet_are_refused),
		cmocka_unit_test(a_congestion_mark_is_announced_as_ecn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
