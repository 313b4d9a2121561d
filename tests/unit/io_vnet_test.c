/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/vnet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/wire.h"
#include "packet/checksum.h"

#define L2 14

static uint32_t ip_len(const uint8_t *p)
{
	return p[0] >> 4 == 6 ? 40 : 20;
}

/* A packet of @payload bytes whose checksums are complete. */
static size_t make_packet(uint8_t *p, bool ip6, uint8_t proto, uint32_t payload)
{
	size_t l4 = ip6 ? 40 : 20;
	size_t check_at = l4 + (proto == IPPROTO_NUM_TCP ? 16 : 6);
	uint16_t len = (uint16_t)((proto == IPPROTO_NUM_TCP ? 20 : 8) + payload);
	uint64_t sum;

	for (size_t i = 0; i < l4 + len; i++)
		p[i] = (uint8_t)(i * 5 + i / 200);
	if (ip6) {
		memcpy(p, "\x60\x00\x00\x07\x00\x00\x00\x40", 8);
		store_be16(p + 4, len);
		p[6] = proto;
		sum = checksum_pseudo_ip6(p + 8, proto, len);
	} else {
		memcpy(p, "\x45\x00\x00\x00\x00\x01\x40\x00\x40\x00\x00\x00", 12);
		store_be16(p + 2, (uint16_t)(20 + len));
		p[9] = proto;
		store_be32(p + 12, 0xc0000201);
		store_be32(p + 16, 0xc6336401);
		store_be16(p + 10, (uint16_t)~checksum_fold(checksum_add(0, p, 20)));
		sum = checksum_pseudo(0xc0000201, 0xc6336401, proto, len);
	}
	if (proto == IPPROTO_NUM_TCP)
		store_be16(p + l4 + 12, 0x5010);
	else
		store_be16(p + l4 + 4, len);
	store_be16(p + check_at, 0);
	store_be16(p + check_at, (uint16_t)~checksum_fold(checksum_add(sum, p + l4, len)));
	return l4 + len;
}

/* Both protocols in both families, and the GSO type of each. */
static const struct kind {
	bool ip6;
	uint8_t proto;
	uint8_t gso_type;
} kinds[] = {
	{ false, IPPROTO_NUM_TCP, 1 },
	{ false, IPPROTO_NUM_UDP, 5 },
	{ true, IPPROTO_NUM_TCP, 4 },
	{ true, IPPROTO_NUM_UDP, 5 },
};

#define N(array) (sizeof(array) / sizeof((array)[0]))

static void what_is_described_is_parsed_back(void **state)
{
	static uint8_t packet[70000];

	(void)state;
	for (size_t i = 0; i < N(kinds); i++) {
		const struct kind *kind = &kinds[i];
		size_t len = make_packet(packet, kind->ip6, kind->proto, 5000);
		struct train t, back;
		struct vnet_header h;

		assert_int_equal(train_parse_any(&t, packet, len, CSUM_PARTIAL), PASS);
		t.gso_size = 999;
		h = vnet_describe(&t, L2);
		assert_int_equal(h.header_len, L2 + t.head_len);
		assert_int_equal(h.gso_type, kind->gso_type);
		assert_int_equal(h.csum_start, L2 + ip_len(packet));
		assert_int_equal(h.csum_offset, kind->proto == IPPROTO_NUM_TCP ? 16 : 6);
		assert_int_equal(vnet_parse_any(&back, &h, L2, packet, len), PASS);
		assert_int_equal(back.gso_size, 999);
		assert_int_equal(back.csum, CSUM_PARTIAL);
		assert_true(vnet_is_train(&back));
		/* One segment is no train, whatever its segment size. */
		t.gso_size = 5000;
		h = vnet_describe(&t, L2);
		assert_int_equal(h.gso_type, 0);
		assert_int_equal(vnet_parse_any(&back, &h, L2, packet, len), PASS);
		assert_int_equal(back.gso_size, 0);
		t.gso_size = 0;
		t.csum = CSUM_UNCHECKED;
		h = vnet_describe(&t, L2);
		assert_int_equal(h.flags, 0);
		assert_int_equal(vnet_parse_any(&back, &h, L2, packet, len), PASS);
		assert_int_equal(back.csum, CSUM_UNCHECKED);
		h.flags = 2; /* DATA_VALID */
		assert_int_equal(vnet_parse_any(&back, &h, L2, packet, len), PASS);
		assert_int_equal(back.csum, CSUM_VERIFIED);
	}
}

/* Large receive offload: the sums were right, and the one that is left is of nothing. */
static void a_train_that_the_device_checked_is_cut_with_right_sums(void **state)
{
	static uint8_t packet[70000], out[2000];

	(void)state;
	for (size_t i = 0; i < N(kinds); i++) {
		const struct kind *kind = &kinds[i];
		size_t len = make_packet(packet, kind->ip6, kind->proto, 5000);
		struct vnet_header h = { .flags = 2, .gso_type = kind->gso_type, .gso_size = 999 };
		struct train t, one;
		struct cut cut;
		size_t n, count = 0;

		packet[ip_len(packet) + (kind->proto == IPPROTO_NUM_TCP ? 16 : 6)] ^= 0x55;
		assert_int_equal(vnet_parse_any(&t, &h, L2, packet, len), PASS);
		cut_start(&cut, &t);
		while ((n = cut_next(&cut, out, sizeof(out))) > 0) {
			assert_int_equal(train_parse_any(&one, out, n, CSUM_UNCHECKED), PASS);
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
	size_t len = make_packet(packet, false, IPPROTO_NUM_TCP, 5000);

	(void)state;
	for (size_t i = 0; i < N(wrong); i++)
		assert_int_equal(vnet_parse_any(&t, &wrong[i], L2, packet, len), DROP_L4_MALFORMED);
	assert_int_equal(vnet_parse_any(&t, &ecn, L2, packet, len), PASS);
	assert_int_equal(t.gso_size, 1000);
	packet[6] = 0x20; /* a fragment has no segments */
	store_be16(packet + 10, 0);
	store_be16(packet + 10, (uint16_t)~checksum_fold(checksum_add(0, packet, 20)));
	assert_int_not_equal(vnet_parse_any(&t, &ecn, L2, packet, len), PASS);
	assert_int_equal(vnet_parse_any(&t, &ecn, L2, packet, 10), DROP_IP_MALFORMED);
}

static void types_of_the_other_family_are_refused(void **state)
{
	static uint8_t packet[70000];
	const struct vnet_header of_ip4 = { .gso_type = 1, .gso_size = 1000 };
	const struct vnet_header of_ip6 = { .gso_type = 4, .gso_size = 1000 };
	size_t len = make_packet(packet, true, IPPROTO_NUM_TCP, 5000);
	struct train t;

	(void)state;
	assert_int_equal(vnet_parse_any(&t, &of_ip6, L2, packet, len), PASS);
	assert_int_equal(vnet_parse_any(&t, &of_ip4, L2, packet, len), DROP_L4_MALFORMED);
	/* Who asked for IPv4 gets nothing else. */
	assert_int_equal(vnet_parse(&t, &of_ip6, L2, packet, len), DROP_IP_VERSION);
	/* Behind extension headers there are no segments. */
	packet[6] = 60;
	assert_int_equal(vnet_parse_any(&t, &of_ip6, L2, packet, len), DROP_L4_MALFORMED);
}

static void a_partial_checksum_behind_extension_headers_is_completed(void **state)
{
	static uint8_t packet[3000], want[3000];
	struct vnet_header h = { .flags = 1, .csum_start = L2 + 48, .csum_offset = 6 };
	size_t len = make_packet(want, true, IPPROTO_NUM_UDP, 801);
	uint16_t udp_len = 809;
	struct train t;

	(void)state;
	/* Destination options between the header and the datagram, whose sum they do not change. */
	memcpy(packet, want, 40);
	store_be16(packet + 4, (uint16_t)(udp_len + 8));
	packet[6] = 60;
	memcpy(packet + 40, "\x11\x00\x01\x04\x00\x00\x00\x00", 8);
	memcpy(packet + 48, want + 40, udp_len);
	store_be16(packet + 54, checksum_fold(checksum_pseudo_ip6(want + 8, 17, udp_len)));
	assert_int_equal(vnet_parse_any(&t, &h, L2, packet, len + 8), PASS);
	assert_int_equal(t.csum, CSUM_UNCHECKED);
	assert_int_equal(t.n_pieces, 0);
	assert_memory_equal(packet + 48, want + 40, udp_len);
	/* Places that are not in the packet. */
	h.csum_start = (uint16_t)(L2 + len);
	h.csum_offset = 7;
	assert_int_equal(vnet_parse_any(&t, &h, L2, packet, len + 8), DROP_L4_MALFORMED);
	h.csum_offset = 6;
	assert_int_equal(vnet_parse_any(&t, &h, L2, packet, len + 8), PASS);
	h.csum_start = L2 + 39;
	assert_int_equal(vnet_parse_any(&t, &h, L2, packet, len + 8), DROP_L4_MALFORMED);
	h.csum_start = 0;
	assert_int_equal(vnet_parse_any(&t, &h, L2, packet, len + 8), DROP_L4_MALFORMED);
}

static void a_congestion_mark_is_announced_as_ecn(void **state)
{
	static uint8_t packet[70000];
	struct train t;
	size_t len = make_packet(packet, false, IPPROTO_NUM_TCP, 5000);

	(void)state;
	packet[33] = TCP_CWR;
	assert_int_equal(train_parse_any(&t, packet, len, CSUM_PARTIAL), PASS);
	t.gso_size = 1000;
	assert_int_equal(vnet_describe(&t, L2).gso_type, 0x81);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_described_is_parsed_back),
		cmocka_unit_test(a_train_that_the_device_checked_is_cut_with_right_sums),
		cmocka_unit_test(headers_that_contradict_their_packet_are_refused),
		cmocka_unit_test(types_of_the_other_family_are_refused),
		cmocka_unit_test(a_partial_checksum_behind_extension_headers_is_completed),
		cmocka_unit_test(a_congestion_mark_is_announced_as_ecn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
