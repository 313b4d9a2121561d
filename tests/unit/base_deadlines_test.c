/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/deadlines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/rng.h"

#define N 200

/* The slow obvious version: an array of deadlines. */
static void agrees_with_a_plain_array(void **state)
{
	struct rng rng = rng_seeded(1);
	uint64_t when[N];
	struct deadlines *d;
	uint64_t now = 0;

	(void)state;
	assert_int_equal(deadlines_new(N, &d), 0);
	for (int i = 0; i < N; i++)
		when[i] = NEVER;
	for (int step = 0; step < 20000; step++) {
		uint32_t i = rng_below(&rng, N);
		uint32_t due;

		when[i] = rng_below(&rng, 8) == 0 ? NEVER : now + rng_below(&rng, 1000);
		deadlines_set(d, i, when[i]);
		assert_int_equal(deadlines_get(d, i), when[i]);
		now += rng_below(&rng, 20);
		while ((due = deadlines_pop(d, now)) != UINT32_MAX) {
			assert_true(when[due] <= now);
			when[due] = NEVER;
		}
		for (int k = 0; k < N; k++) {
			assert_true(when[k] > now);
			assert_true(deadlines_next(d) <= when[k]);
		}
	}
	deadlines_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_a_plain_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
