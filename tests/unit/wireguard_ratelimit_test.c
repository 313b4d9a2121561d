/* SPDX-License-Identifier: BSD-2-Clause */
#include "wireguard/ratelimit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct ratelimit r;

static int setup(void **state)
{
	struct rng rng = rng_seeded(2);

	(void)state;
	ratelimit_init(&r, &rng);
	return 0;
}

static void five_pass_at_once_and_twenty_a_second(void **state)
{
	const struct addr a = addr_ip4(0x01020304);
	const uint64_t start = 100 * NS_PER_S;
	int passed = 0;

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_true(ratelimit_admit(&r, &a, start));
	assert_false(ratelimit_admit(&r, &a, start));
	for (uint64_t ms = 1; ms <= 10000; ms++)
		passed += ratelimit_admit(&r, &a, start + ms * NS_PER_MS);
	assert_int_equal(passed, 200);
	for (int i = 0; i < 5; i++)
		assert_true(ratelimit_admit(&r, &a, start + 20 * NS_PER_S));
	assert_false(ratelimit_admit(&r, &a, start + 20 * NS_PER_S));
}

static void one_source_does_not_use_up_another(void **state)
{
	struct addr a = addr_ip4(1), b = addr_ip4(2);

	(void)state;
	while (ratelimit_admit(&r, &a, NS_PER_S))
		;
	assert_true(ratelimit_admit(&r, &b, NS_PER_S));
}

static void hosts_of_one_ipv6_subnet_are_one_source(void **state)
{
	struct addr a, b, c;

	(void)state;
	assert_true(addr_parse("2001:db8:0:1::1", &a));
	assert_true(addr_parse("2001:db8:0:1:ffff::2", &b));
	assert_true(addr_parse("2001:db8:0:2::1", &c));
	while (ratelimit_admit(&r, &a, NS_PER_S))
		;
	assert_false(ratelimit_admit(&r, &b, NS_PER_S));
	assert_true(ratelimit_admit(&r, &c, NS_PER_S));
}

/* The limit of the table: sources with credit are forgotten, one over its limit is not. */
static void a_flood_of_sources_does_not_free_the_greedy(void **state)
{
	struct addr greedy = addr_ip4(0xc0a80001);
	int again = 0;

	(void)state;
	for (uint32_t i = 0; i < 20000; i++) {
		struct addr a = addr_ip4(i);

		if (i % 4 == 0)
			again += ratelimit_admit(&r, &greedy, NS_PER_S);
		assert_true(ratelimit_admit(&r, &a, NS_PER_S));
	}
	assert_int_equal(again, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(five_pass_at_once_and_twenty_a_second, setup),
		cmocka_unit_test_setup(one_source_does_not_use_up_another, setup),
		cmocka_unit_test_setup(hosts_of_one_ipv6_subnet_are_one_source, setup),
		cmocka_unit_test_setup(a_flood_of_sources_does_not_free_the_greedy, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
