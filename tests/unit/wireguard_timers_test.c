/* SPDX-License-Identifier: BSD-2-Clause */
#include "wireguard/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "wireguard/wireguard.h"

static struct timers t;
static struct rng rng;
static const uint64_t start = 1000 * NS_PER_S;

static int setup(void **state)
{
	(void)state;
	rng = rng_seeded(1);
	timers_init(&t);
	return 0;
}

static void without_traffic_nothing_is_due(void **state)
{
	(void)state;
	assert_true(timers_next(&t) == NEVER);
	for (enum timer i = 0; i < N_TIMERS; i++)
		assert_false(timers_take(&t, i, start));
}

static void received_data_is_answered_by_a_keepalive_after_10_s(void **state)
{
	(void)state;
	timers_received(&t, true, start);
	timers_received(&t, true, start + 9 * NS_PER_S); /* more does not push it back */
	assert_true(timers_next(&t) == start + 10 * NS_PER_S);
	assert_false(timers_take(&t, TIMER_KEEPALIVE, start + 10 * NS_PER_S - 1));
	assert_true(timers_take(&t, TIMER_KEEPALIVE, start + 10 * NS_PER_S));
	assert_true(timers_next(&t) == NEVER);
}

static void whatever_is_sent_makes_that_keepalive_needless(void **state)
{
	(void)state;
	timers_received(&t, true, start);
	timers_sent(&t, false, start + NS_PER_S, &rng);
	assert_true(timers_next(&t) == NEVER);
}

static void a_keepalive_is_not_answered_by_a_keepalive(void **state)
{
	(void)state;
	timers_received(&t, false, start);
	assert_true(timers_next(&t) == NEVER);
}

static void sent_data_without_an_answer_wants_a_handshake_after_15_s(void **state)
{
	uint64_t due;

	(void)state;
	timers_sent(&t, true, start, &rng);
	due = timers_next(&t);
	assert_true(due >= start + 15 * NS_PER_S);
	assert_true(due < start + 15 * NS_PER_S + TIMER_JITTER_MAX);
	timers_sent(&t, true, start + NS_PER_S, &rng); /* more does not push it back */
	assert_true(timers_next(&t) == due);
	assert_true(timers_take(&t, TIMER_HANDSHAKE, due));
	timers_sent(&t, true, start, &rng);
	timers_received(&t, false, start + NS_PER_S);
	assert_true(timers_next(&t) == NEVER);
	timers_sent(&t, false, start, &rng); /* a keepalive wants no answer */
	assert_true(timers_next(&t) == NEVER);
}

static void persistent_keepalives_come_at_once_and_then_at_the_interval(void **state)
{
	(void)state;
	timers_set_interval(&t, 25, start);
	assert_true(timers_take(&t, TIMER_PERSISTENT, start));
	assert_true(timers_next(&t) == start + 25 * NS_PER_S);
	timers_received(&t, false, start + 5 * NS_PER_S); /* any traffic counts */
	assert_true(timers_next(&t) == start + 30 * NS_PER_S);
	timers_set_interval(&t, 25, start + 6 * NS_PER_S); /* the same again changes nothing */
	assert_true(timers_next(&t) == start + 30 * NS_PER_S);
	timers_set_interval(&t, 10, start + 6 * NS_PER_S);
	assert_true(timers_next(&t) == start + 16 * NS_PER_S);
	timers_set_interval(&t, 0, start + 6 * NS_PER_S);
	assert_true(timers_next(&t) == NEVER);
}

static void keys_are_zeroed_540_s_after_the_last_session(void **state)
{
	(void)state;
	timers_session_installed(&t, start);
	timers_session_installed(&t, start + 100 * NS_PER_S);
	assert_false(timers_take(&t, TIMER_ZERO_KEYS, start + 640 * NS_PER_S - 1));
	assert_true(timers_take(&t, TIMER_ZERO_KEYS, start + 640 * NS_PER_S));
}

static void a_new_session_is_an_answer(void **state)
{
	(void)state;
	timers_sent(&t, true, start, &rng);
	timers_session_installed(&t, start + NS_PER_S);
	assert_true(timers_next(&t) == start + 541 * NS_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(without_traffic_nothing_is_due, setup),
		cmocka_unit_test_setup(received_data_is_answered_by_a_keepalive_after_10_s, setup),
		cmocka_unit_test_setup(whatever_is_sent_makes_that_keepalive_needless, setup),
		cmocka_unit_test_setup(a_keepalive_is_not_answered_by_a_keepalive, setup),
		cmocka_unit_test_setup(sent_data_without_an_answer_wants_a_handshake_after_15_s,
				       setup),
		cmocka_unit_test_setup(persistent_keepalives_come_at_once_and_then_at_the_interval,
				       setup),
		cmocka_unit_test_setup(keys_are_zeroed_540_s_after_the_last_session, setup),
		cmocka_unit_test_setup(a_new_session_is_an_answer, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
