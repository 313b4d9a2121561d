/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"

static unsigned int take_all(struct icmp_limit *l, uint64_t now)
{
	unsigned int n = 0;

	while (icmp_limit_take(l, now))
		n++;
	return n;
}

static void errors_come_in_bursts_of_100_and_500_a_second(void **state)
{
	struct icmp_limit l = { 0 };
	uint64_t now = 1000 * NS_PER_S;
	unsigned int n = 0;

	(void)state;
	assert_int_equal(take_all(&l, now), 100);
	assert_int_equal(take_all(&l, now + NS_PER_MS), 0);
	for (int i = 1; i <= 100; i++)
		n += take_all(&l, now + (uint64_t)i * 10 * NS_PER_MS);
	assert_in_range(n, 495, 500);
	assert_int_equal(take_all(&l, now + 3600 * NS_PER_S), 100);
}

static void load_is_more_than_500_messages_in_a_second_and_lasts_one_more(void **state)
{
	struct handshake_load l = { 0 };
	uint64_t now = 1000 * NS_PER_S;

	(void)state;
	for (int i = 0; i < 500; i++)
		assert_false(handshake_load_note(&l, now));
	assert_true(handshake_load_note(&l, now));
	assert_true(handshake_load_note(&l, now + NS_PER_S - 1));
	assert_true(handshake_load_note(&l, now + 2 * NS_PER_S - 2));
	assert_false(handshake_load_note(&l, now + 4 * NS_PER_S));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_come_in_bursts_of_100_and_500_a_second),
		cmocka_unit_test(load_is_more_than_500_messages_in_a_second_and_lasts_one_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
