/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void a_seed_gives_the_same_bytes_and_another_one_others(void **state)
{
	struct rng a = rng_seeded(1), b = rng_seeded(1), c = rng_seeded(2);
	uint8_t x[100], y[100], z[100];

	(void)state;
	rng_fill(&a, x, sizeof(x));
	rng_fill(&b, y, sizeof(y));
	rng_fill(&c, z, sizeof(z));
	assert_memory_equal(x, y, sizeof(x));
	assert_memory_not_equal(x, z, sizeof(x));
	/* The next ones are new. */
	rng_fill(&b, y, sizeof(y));
	assert_memory_not_equal(x, y, sizeof(x));
}

static void any_length_is_filled_to_its_last_byte_and_not_beyond(void **state)
{
	struct rng rng = rng_seeded(3);

	(void)state;
	for (size_t len = 0; len <= 33; len++) {
		uint8_t out[40], ever[40] = { 0 };

		/* Of many fills each byte is nonzero in one. */
		for (int i = 0; i < 20; i++) {
			memset(out, 0, sizeof(out));
			rng_fill(&rng, out, len);
			for (size_t k = 0; k < sizeof(out); k++)
				ever[k] |= out[k];
		}
		for (size_t k = 0; k < sizeof(out); k++)
			assert_int_equal(ever[k] != 0, k < len);
	}
}

static void every_bit_is_set_half_of_the_time(void **state)
{
	struct rng rng = rng_seeded(4);
	uint32_t set[32] = { 0 };

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint32_t v = rng_u32(&rng);

		for (int bit = 0; bit < 32; bit++)
			set[bit] += v >> bit & 1;
	}
	for (int bit = 0; bit < 32; bit++)
		assert_in_range(set[bit], 9600, 10400);
}

/* Replayed scenarios rely on it: a seed means the same run in every version. */
static void the_stream_of_a_seed_never_changes(void **state)
{
	struct rng rng = rng_seeded(1);

	(void)state;
	assert_int_equal(rng_u32(&rng), 0xaf4d1fe2);
	assert_int_equal(rng_u32(&rng), 0xfdbb3fa2);
}

/* A source that counts up from where it is told, so that each of its values is known. */
static void counted_fill(struct rng *rng, void *out, size_t len)
{
	uint32_t v = (uint32_t)rng->state[0]++;

	assert_int_equal(len, sizeof(v));
	memcpy(out, &v, sizeof(v));
}

static void below_is_never_biased_by_the_remainder(void **state)
{
	/* 2^32 = 3 * 0x55555555 + 1: the last value would make 0 a little more likely. */
	struct rng rng = { .fill = counted_fill, .state = { UINT32_MAX - 1 } };

	(void)state;
	assert_int_equal(rng_below(&rng, 3), 2);
	assert_int_equal(rng_below(&rng, 3), 0); /* 0xffffffff was passed over, this is 0 */
	assert_int_equal((uint32_t)rng.state[0], 1);
	rng.state[0] = 0xc0000000;
	/* A quarter of all values is beyond the last whole 3 * 2^30. */
	assert_int_equal(rng_below(&rng, 0xc0000000), 0);
	assert_int_equal((uint32_t)rng.state[0], 1);
}

static void below_reaches_every_value_and_no_other(void **state)
{
	struct rng rng = rng_seeded(5);

	(void)state;
	for (uint32_t n = 1; n < 40; n++) {
		uint64_t seen = 0;

		for (int i = 0; i < 1000; i++) {
			uint32_t v = rng_below(&rng, n);

			assert_true(v < n);
			seen |= UINT64_C(1) << v;
		}
		assert_true(seen == (UINT64_C(1) << n) - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seed_gives_the_same_bytes_and_another_one_others),
		cmocka_unit_test(any_length_is_filled_to_its_last_byte_and_not_beyond),
		cmocka_unit_test(every_bit_is_set_half_of_the_time),
		cmocka_unit_test(the_stream_of_a_seed_never_changes),
		cmocka_unit_test(below_is_never_biased_by_the_remainder),
		cmocka_unit_test(below_reaches_every_value_and_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
