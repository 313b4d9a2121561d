/* SPDX-License-Identifier: BSD-2-Clause */
#include "nat/expiry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/rng.h"

#define IDS 300

static void start(struct expiry *e)
{
	assert_int_equal(nat_expiry_init(e, IDS), 0);
	for (int c = 1; c < N_EXPIRY_CLASSES; c++)
		e->timeout[c] = (uint64_t)c * 10 * NS_PER_S;
}

static void a_timer_runs_its_timeout_and_at_most_a_grain_more(void **state)
{
	struct expiry e;

	(void)state;
	start(&e);
	assert_true(nat_expiry_next(&e) == NEVER);
	nat_expiry_arm(&e, 7, EXPIRY_TCP_TRANSITORY, 100 * NS_PER_S);
	assert_int_equal(nat_expiry_due(&e, 110 * NS_PER_S), 0);
	assert_in_range(nat_expiry_next(&e), 110 * NS_PER_S, 111 * NS_PER_S);
	assert_int_equal(nat_expiry_due(&e, 111 * NS_PER_S), 7);
	assert_int_equal(nat_expiry_class_of(&e, 7), EXPIRY_TCP_TRANSITORY);
	nat_expiry_stop(&e, 7);
	nat_expiry_stop(&e, 7);
	assert_int_equal(nat_expiry_class_of(&e, 7), EXPIRY_NONE);
	assert_true(nat_expiry_next(&e) == NEVER);
	nat_expiry_done(&e);
}

static void refreshing_within_a_grain_never_shortens_a_timer(void **state)
{
	uint64_t now = NS_PER_S;
	struct expiry e;

	(void)state;
	start(&e);
	for (int i = 0; i < 1000; i++) {
		nat_expiry_arm(&e, 1, EXPIRY_UDP, now);
		assert_int_equal(nat_expiry_due(&e, now + e.timeout[EXPIRY_UDP] - 1), 0);
		assert_int_equal(nat_expiry_due(&e, now + e.timeout[EXPIRY_UDP] + EXPIRY_GRAIN), 1);
		now += NS_PER_S / 7;
	}
	nat_expiry_done(&e);
}

/* The slow way: an array of last-touched times and classes. */
static void many_timers_run_out_as_in_the_obvious_model(void **state)
{
	uint64_t touched[IDS + 1] = { 0 };
	int class_of[IDS + 1] = { 0 };
	struct rng rng = rng_seeded(3);
	uint64_t now = NS_PER_S;
	struct expiry e;

	(void)state;
	start(&e);
	for (int step = 0; step < 300000; step++) {
		uint32_t id = 1 + rng_below(&rng, IDS);

		now += rng_below(&rng, (uint32_t)NS_PER_S / 2);
		if (rng_below(&rng, 5) == 0) {
			nat_expiry_stop(&e, id);
			class_of[id] = EXPIRY_NONE;
		} else {
			class_of[id] = 1 + (int)rng_below(&rng, N_EXPIRY_CLASSES - 1);
			touched[id] = now;
			nat_expiry_arm(&e, id, (enum expiry_class)class_of[id], now);
		}
		while ((id = nat_expiry_due(&e, now)) != 0) {
			assert_int_equal(nat_expiry_class_of(&e, id), class_of[id]);
			assert_true(touched[id] + e.timeout[class_of[id]] <= now);
			nat_expiry_stop(&e, id);
			class_of[id] = EXPIRY_NONE;
		}
		id = 1 + rng_below(&rng, IDS); /* nobody is forgotten */
		if (class_of[id] != EXPIRY_NONE)
			assert_true(touched[id] + e.timeout[class_of[id]] + EXPIRY_GRAIN > now);
	}
	nat_expiry_done(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_timer_runs_its_timeout_and_at_most_a_grain_more),
		cmocka_unit_test(refreshing_within_a_grain_never_shortens_a_timer),
		cmocka_unit_test(many_timers_run_out_as_in_the_obvious_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
