/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/fragment.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/rng.h"
#include "packet_build.h"

#define DF 0x4000
#define MF 0x2000

/* A receiver that notes for each byte of the datagram whether it has come, RFC 791 section 3.2. */
struct reassembly {
	uint8_t bytes[TRAIN_LEN_MAX];
	uint8_t came[TRAIN_LEN_MAX]; /* how often */
	size_t end;                  /* 0: the last fragment has not come */
};

static struct reassembly got;
static uint8_t packet[TRAIN_LEN_MAX];
static uint8_t pieces[64][TRAIN_LEN_MAX];
static size_t piece_len[64];

static void reassemble(const uint8_t *p, size_t len)
{
	size_t header = (p[0] & 15u) * 4;
	size_t at = (load_be16(p + 6) & 0x1fffu) * 8;

	assert_int_equal(load_be16(p + 2), len);
	assert_int_equal(slow_sum(0, p, header), 0xffff);
	assert_true(at + len - header <= sizeof(got.bytes));
	for (size_t i = 0; i < len - header; i++) {
		got.bytes[at + i] = p[header + i];
		got.came[at + i]++;
	}
	if (!(load_be16(p + 6) & MF)) {
		assert_int_equal(got.end, 0);
		got.end = at + len - header;
	}
}

/* Cuts @len bytes at @from into pieces[]; checks what holds for each. */
static unsigned int cut_up(const uint8_t *from, size_t len, size_t mtu)
{
	struct fragments f;
	unsigned int n = 0;

	fragments_start(&f, from, len, mtu);
	while ((piece_len[n] = fragments_next(&f, pieces[n])) > 0) {
		const uint8_t *p = pieces[n];
		size_t header = (from[0] & 15u) * 4;

		assert_true(piece_len[n] <= mtu);
		assert_true(piece_len[n] > header);
		/* Nothing but length, flags with offset and checksum differs. */
		assert_memory_equal(p, from, 2);
		assert_memory_equal(p + 4, from + 4, 2);
		assert_memory_equal(p + 8, from + 8, 2);
		assert_memory_equal(p + 12, from + 12, header - 12);
		n++;
		assert_true(n < 64);
	}
	for (unsigned int i = 0; i + 1 < n; i++)
		assert_int_equal((piece_len[i] - (from[0] & 15u) * 4) % 8, 0);
	return n;
}

static void assert_whole(size_t at, const uint8_t *payload, size_t len)
{
	assert_int_equal(got.end, at + len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(got.came[at + i], 1);
	assert_memory_equal(got.bytes + at, payload, len);
}

static size_t a_packet(struct rng *rng, size_t options, size_t payload, uint16_t fragment)
{
	static uint8_t data[TRAIN_LEN_MAX], ip_options[40];
	struct build b = { .proto = 17,
			   .id = (uint16_t)rng_u32(rng),
			   .fragment = fragment,
			   .ip_options = ip_options,
			   .ip_options_len = options };

	rng_fill(rng, data, payload);
	rng_fill(rng, ip_options, options);
	return build_packet(&b, packet, data, payload);
}

static void any_packet_comes_together_again(void **state)
{
	struct rng rng = rng_seeded(10);

	(void)state;
	for (int round = 0; round < 3000; round++) {
		size_t options = rng_below(&rng, 11) * 4;
		size_t mtu = 20 + options + 8 + rng_below(&rng, 1500);
		size_t most = (mtu - 20 - options) / 8 * 8 * 60;
		size_t len = a_packet(&rng, options,
				      rng_below(&rng, (uint32_t)(most < 60000 ? most : 60000)), 0);
		unsigned int n = cut_up(packet, len, mtu);

		memset(&got, 0, sizeof(got));
		/* They may arrive in any order. */
		for (unsigned int i = 0, start = rng_below(&rng, n); i < n; i++)
			reassemble(pieces[(start + i) % n], piece_len[(start + i) % n]);
		assert_whole(0, packet + 20 + options, len - 20 - options);
	}
}

static void fragments_of_fragments_come_together_again(void **state)
{
	struct rng rng = rng_seeded(11);

	(void)state;
	for (int round = 0; round < 300; round++) {
		static uint8_t first[64][TRAIN_LEN_MAX];
		size_t options = rng_below(&rng, 3) * 4;
		size_t len = a_packet(&rng, options, 1000 + rng_below(&rng, 5000), 0);
		unsigned int n = cut_up(packet, len, 900 + rng_below(&rng, 600));
		size_t lens[64];

		memset(&got, 0, sizeof(got));
		memcpy(lens, piece_len, sizeof(lens));
		for (unsigned int i = 0; i < n; i++)
			memcpy(first[i], pieces[i], lens[i]);
		for (unsigned int i = 0; i < n; i++) {
			unsigned int m = cut_up(first[i], lens[i], 100 + rng_below(&rng, 1400));

			for (unsigned int k = 0; k < m; k++)
				reassemble(pieces[k], piece_len[k]);
		}
		assert_whole(0, packet + 20 + options, len - 20 - options);
	}
}

static void a_packet_of_the_mtu_stays_whole_and_one_byte_more_does_not(void **state)
{
	struct rng rng = rng_seeded(12);
	size_t len;

	(void)state;
	for (size_t mtu = 28; mtu < 1500; mtu++) {
		len = a_packet(&rng, 0, mtu - 28, 0);
		assert_int_equal(cut_up(packet, len, mtu), 1);
		assert_memory_equal(pieces[0], packet, len);
		len = a_packet(&rng, 0, mtu - 27, 0);
		assert_int_equal(cut_up(packet, len, mtu), 2);
		assert_int_equal(piece_len[0], 20 + (mtu - 20) / 8 * 8);
	}
	/* The smallest there is: eight bytes each. */
	len = a_packet(&rng, 40, 25, 0);
	assert_int_equal(cut_up(packet, len, 68), 5);
	assert_int_equal(piece_len[4], 61);
}

static void the_middle_of_a_datagram_keeps_its_place_and_its_mf(void **state)
{
	struct rng rng = rng_seeded(13);
	size_t len = a_packet(&rng, 0, 1472, MF | 185);

	(void)state;
	assert_int_equal(cut_up(packet, len, 600), 3);
	assert_int_equal(load_be16(pieces[0] + 6), MF | 185);
	assert_int_equal(load_be16(pieces[1] + 6), MF | (185 + 72));
	assert_int_equal(load_be16(pieces[2] + 6), MF | (185 + 144));
	len = a_packet(&rng, 0, 1472, 185);
	assert_int_equal(cut_up(packet, len, 600), 3);
	assert_int_equal(load_be16(pieces[1] + 6), MF | (185 + 72));
	assert_int_equal(load_be16(pieces[2] + 6), 185 + 144);
}

static void the_other_flags_stay(void **state)
{
	struct rng rng = rng_seeded(14);
	size_t len = a_packet(&rng, 0, 100, 0x8000 | DF);

	(void)state;
	assert_int_equal(cut_up(packet, len, 84), 2);
	assert_int_equal(load_be16(pieces[0] + 6), 0x8000 | DF | MF);
	assert_int_equal(load_be16(pieces[1] + 6), 0x8000 | DF | 8);
}

static void without_payload_there_is_nothing_to_give(void **state)
{
	struct build b = { .proto = 253 };
	size_t len = build_packet(&b, packet, NULL, 0);

	(void)state;
	assert_int_equal(cut_up(packet, len, 1280), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_packet_comes_together_again),
		cmocka_unit_test(fragments_of_fragments_come_together_again),
		cmocka_unit_test(a_packet_of_the_mtu_stays_whole_and_one_byte_more_does_not),
		cmocka_unit_test(the_middle_of_a_datagram_keeps_its_place_and_its_mf),
		cmocka_unit_test(the_other_flags_stay),
		cmocka_unit_test(without_payload_there_is_nothing_to_give),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
