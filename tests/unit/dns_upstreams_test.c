/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "dns/dns.h"

static struct dns_upstreams three(void)
{
	struct dns_upstreams ups = { .n = 3 };

	for (int i = 0; i < 3; i++)
		ups.at[i].alive = true;
	return ups;
}

static void kill_upstream(struct dns_upstreams *ups, uint8_t i, uint64_t now)
{
	for (int k = 0; k < 3; k++)
		dns_upstream_missed(ups, i, now);
}

static void the_first_living_one_that_was_not_tried_is_chosen(void **state)
{
	struct dns_upstreams ups = three();

	(void)state;
	assert_int_equal(dns_upstreams_choose(&ups, 0), 0);
	assert_int_equal(dns_upstreams_choose(&ups, 1u << 0), 1);
	assert_int_equal(dns_upstreams_choose(&ups, 1u << 0 | 1u << 1), 2);
	assert_int_equal(dns_upstreams_choose(&ups, 7), DNS_NO_UPSTREAM);
	kill_upstream(&ups, 0, 0);
	assert_int_equal(dns_upstreams_choose(&ups, 0), 1);
}

static void a_dead_one_is_better_than_none(void **state)
{
	struct dns_upstreams ups = three();
	struct dns_upstreams none = { .n = 0 };

	(void)state;
	kill_upstream(&ups, 1, 0);
	kill_upstream(&ups, 2, 0);
	assert_int_equal(dns_upstreams_choose(&ups, 1u << 0), 1);
	assert_int_equal(dns_upstreams_choose(&ups, 1u << 0 | 1u << 1), 2);
	assert_int_equal(dns_upstreams_choose(&none, 0), DNS_NO_UPSTREAM);
}

static void three_misses_in_a_row_are_death_and_one_answer_is_life(void **state)
{
	struct dns_upstreams ups = three();

	(void)state;
	dns_upstream_missed(&ups, 0, 0);
	dns_upstream_missed(&ups, 0, 0);
	dns_upstream_answered(&ups, 0, NS_PER_MS);
	dns_upstream_missed(&ups, 0, 0);
	dns_upstream_missed(&ups, 0, 0);
	assert_true(ups.at[0].alive);
	dns_upstream_missed(&ups, 0, 0);
	assert_false(ups.at[0].alive);
	assert_int_equal(ups.at[0].failures, 5);
	dns_upstream_answered(&ups, 0, NS_PER_MS);
	assert_true(ups.at[0].alive);
	assert_int_equal(ups.at[0].missed, 0);
}

static void the_dead_are_asked_every_five_seconds_and_no_more_often(void **state)
{
	struct dns_upstreams ups = three();
	const uint64_t dead = 100 * NS_PER_S;

	(void)state;
	assert_int_equal(dns_upstreams_probe(&ups, 0, dead), DNS_NO_UPSTREAM);
	kill_upstream(&ups, 1, dead);
	assert_int_equal(dns_upstreams_probe(&ups, 0, dead + 5 * NS_PER_S - 1), DNS_NO_UPSTREAM);
	assert_int_equal(dns_upstreams_probe(&ups, 1u << 1, dead + 5 * NS_PER_S), DNS_NO_UPSTREAM);
	assert_int_equal(dns_upstreams_probe(&ups, 0, dead + 5 * NS_PER_S), 1);
	assert_int_equal(dns_upstreams_probe(&ups, 0, dead + 5 * NS_PER_S), DNS_NO_UPSTREAM);
	/* That the probe is not answered either does not put the next one off. */
	dns_upstream_missed(&ups, 1, dead + 9 * NS_PER_S);
	assert_int_equal(dns_upstreams_probe(&ups, 0, dead + 10 * NS_PER_S), 1);
}

static void the_round_trip_moves_by_an_eighth(void **state)
{
	struct dns_upstreams ups = three();

	(void)state;
	dns_upstream_answered(&ups, 2, 800);
	assert_int_equal(ups.at[2].rtt, 800);
	dns_upstream_answered(&ups, 2, 1600);
	assert_int_equal(ups.at[2].rtt, 900);
	for (int i = 0; i < 100; i++)
		dns_upstream_answered(&ups, 2, 80);
	assert_in_range(ups.at[2].rtt, 73, 87);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_living_one_that_was_not_tried_is_chosen),
		cmocka_unit_test(a_dead_one_is_better_than_none),
		cmocka_unit_test(three_misses_in_a_row_are_death_and_one_answer_is_life),
		cmocka_unit_test(the_dead_are_asked_every_five_seconds_and_no_more_often),
		cmocka_unit_test(the_round_trip_moves_by_an_eighth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
