/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet/checksum.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/wire.h"
#include "packet/checksum_kernels.h"

#define LEN_MAX 2000

/* The obvious sum: 16-bit big-endian words, carries added back one by one. */
static uint16_t slow_sum(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	return (uint16_t)sum;
}

static void the_example_of_rfc_1071_sums_to_ddf2(void **state)
{
	static const uint8_t data[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	(void)state;
	assert_int_equal(checksum_fold(checksum_add(0, data, sizeof(data))), 0xddf2);
}

static void the_example_of_rfc_1624_gives_0_and_not_ffff(void **state)
{
	(void)state;
	assert_int_equal(checksum_adjust16(0xdd2f, 0x5555, 0x3285), 0x0000);
}

static void sums_equal_the_slow_ones_at_every_length_and_alignment(void **state)
{
	static uint8_t data[LEN_MAX + 64];
	static uint8_t out[LEN_MAX + 64];
	struct rng rng = rng_seeded(1);

	(void)state;
	rng_fill(&rng, data, sizeof(data));
	for (size_t len = 0; len <= LEN_MAX; len++) {
		const uint8_t *at = data + len % 33;
		uint8_t *to = out + len * 7 % 31;
		uint16_t want = slow_sum(at, len);

		memset(out, 0xee, sizeof(out));
		assert_int_equal(checksum_fold(checksum_add(0, at, len)), want);
		assert_int_equal(checksum_fold(checksum_copy(0, to, at, len)), want);
		assert_memory_equal(to, at, len);
		assert_int_equal(to[len], 0xee);
	}
}

static void both_twins_agree_on_every_length(void **state)
{
	static uint8_t data[LEN_MAX + 32];
	static uint8_t out[LEN_MAX + 32];
	struct rng rng = rng_seeded(2);

	(void)state;
	rng_fill(&rng, data, sizeof(data));
	for (size_t len = 0; len <= LEN_MAX; len++) {
		const uint8_t *at = data + len % 32;
		uint16_t want = checksum_fold(checksum_words(at, len));

		assert_int_equal(ntohs(want), slow_sum(at, len)); /* native order: one swap away */
		assert_int_equal(checksum_fold(checksum_words_copy(out, at, len)), want);
		assert_memory_equal(out, at, len);
#if defined(__x86_64__)
		if (!checksum_has_avx2())
			continue;
		assert_int_equal(checksum_fold(checksum_words_avx2(at, len)), want);
		memset(out, 0, sizeof(out));
		assert_int_equal(checksum_fold(checksum_words_copy_avx2(out, at, len)), want);
		assert_memory_equal(out, at, len);
#endif
	}
}

static void carries_are_kept_in_64_kib_of_ones(void **state)
{
	static uint8_t data[65536];

	(void)state;
	memset(data, 0xff, sizeof(data));
	assert_int_equal(checksum_fold(checksum_add(0, data, sizeof(data))), 0xffff);
	assert_int_equal(checksum_fold(checksum_words(data, sizeof(data))), 0xffff);
	memset(data, 0, sizeof(data));
	assert_int_equal(checksum_fold(checksum_add(0, data, sizeof(data))), 0);
}

static void pieces_of_odd_length_chain_by_their_offset(void **state)
{
	static uint8_t data[LEN_MAX];
	struct rng rng = rng_seeded(3);

	(void)state;
	rng_fill(&rng, data, sizeof(data));
	for (unsigned int round = 0; round < 2000; round++) {
		size_t len = rng_below(&rng, LEN_MAX + 1);
		uint64_t sum = 0;

		for (size_t at = 0; at < len;) {
			size_t n = 1 + rng_below(&rng, 200);

			if (n > len - at)
				n = len - at;
			sum = checksum_add_at(sum, data + at, n, at);
			at += n;
		}
		assert_int_equal(checksum_fold(sum), slow_sum(data, len));
	}
}

static void an_adjusted_field_equals_the_recomputed_one(void **state)
{
	struct rng rng = rng_seeded(4);
	uint8_t data[40];

	(void)state;
	for (unsigned int round = 0; round < 100000; round++) {
		uint16_t check;
		uint32_t to = rng_u32(&rng);
		uint32_t from;

		rng_fill(&rng, data, sizeof(data));
		check = (uint16_t)~slow_sum(data, sizeof(data));
		from = load_be32(data + 8);
		store_be32(data + 8, to);
		check = checksum_adjust32(check, from, to);
		assert_int_equal(check, (uint16_t)~slow_sum(data, sizeof(data)));
		from = load_be16(data + 20);
		to = round & 1 ? 0xffff : to & 0xffff;
		store_be16(data + 20, (uint16_t)to);
		check = checksum_adjust16(check, (uint16_t)from, (uint16_t)to);
		assert_int_equal(check, (uint16_t)~slow_sum(data, sizeof(data)));
	}
}

static void the_pseudo_header_is_summed_as_its_twelve_bytes(void **state)
{
	static const uint8_t pseudo[] = { 192, 0, 2, 1, 198, 51, 100, 255, 0, 17, 0xff, 0xe3 };

	(void)state;
	assert_int_equal(checksum_fold(checksum_pseudo(0xc0000201, 0xc63364ff, 17, 0xffe3)),
			 slow_sum(pseudo, sizeof(pseudo)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_rfc_1071_sums_to_ddf2),
		cmocka_unit_test(the_example_of_rfc_1624_gives_0_and_not_ffff),
		cmocka_unit_test(sums_equal_the_slow_ones_at_every_length_and_alignment),
		cmocka_unit_test(both_twins_agree_on_every_length),
		cmocka_unit_test(carries_are_kept_in_64_kib_of_ones),
		cmocka_unit_test(pieces_of_odd_length_chain_by_their_offset),
		cmocka_unit_test(an_adjusted_field_equals_the_recomputed_one),
		cmocka_unit_test(the_pseudo_header_is_summed_as_its_twelve_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
