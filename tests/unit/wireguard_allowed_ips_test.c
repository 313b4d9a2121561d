/* SPDX-License-Identifier: BSD-2-Clause */
#include "wireguard/wireguard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct prefix prefix_of(const char *text)
{
	struct prefix p;

	assert_true(prefix_parse(text, &p));
	return p;
}

static void add(struct allowed_ips *table, const char *text, uint32_t peer)
{
	struct prefix p = prefix_of(text);

	assert_int_equal(allowed_ips_add(table, &p, peer), 0);
}

static uint32_t find(const struct allowed_ips *table, const char *text)
{
	struct prefix p = prefix_of(text);

	return allowed_ips_find(table, &p.addr);
}

static void the_longest_match_wins(void **state)
{
	struct allowed_ips *t;

	(void)state;
	assert_int_equal(allowed_ips_new(&t), 0);
	assert_int_equal(find(t, "10.66.77.2"), WG_NO_PEER);
	add(t, "10.66.77.2/32", 2);
	add(t, "10.66.77.0/24", 24);
	add(t, "10.0.0.0/8", 8);
	add(t, "10.66.77.3", 3);
	add(t, "fd00::/8", 60);
	add(t, "fd00:1::5/128", 65);
	assert_int_equal(find(t, "10.66.77.2"), 2);
	assert_int_equal(find(t, "10.66.77.3"), 3);
	assert_int_equal(find(t, "10.66.77.4"), 24);
	assert_int_equal(find(t, "10.66.78.4"), 8);
	assert_int_equal(find(t, "11.0.0.1"), WG_NO_PEER);
	assert_int_equal(find(t, "fd00:1::5"), 65);
	assert_int_equal(find(t, "fd00:1::6"), 60);
	assert_int_equal(find(t, "fe80::1"), WG_NO_PEER);
	add(t, "0.0.0.0/0", 100);
	assert_int_equal(find(t, "11.0.0.1"), 100);
	assert_int_equal(allowed_ips_find_ip4(t, 0x0a424d02), 2);
	assert_int_equal(find(t, "fe80::1"), WG_NO_PEER); /* families do not mix */
	allowed_ips_free(t);
}

static void a_prefix_moves_to_the_peer_that_has_it_last(void **state)
{
	struct allowed_ips *t;

	(void)state;
	assert_int_equal(allowed_ips_new(&t), 0);
	add(t, "10.1.0.0/16", 1);
	add(t, "10.1.99.99/16", 2); /* host bits do not matter */
	assert_int_equal(find(t, "10.1.2.3"), 2);
	allowed_ips_free(t);
}

#define PREFIXES 300

static uint32_t slow_find(const struct prefix *list, size_t n, const struct addr *a)
{
	uint32_t best = WG_NO_PEER;
	int len = -1;

	for (size_t i = 0; i < n; i++) {
		if (prefix_contains(&list[i], a) && list[i].len >= len) {
			len = list[i].len;
			best = (uint32_t)i;
		}
	}
	return best;
}

/* Few distinct bytes, so that prefixes nest and repeat. */
static struct addr random_addr(struct rng *rng, uint8_t family)
{
	struct addr a = { .family = family };

	for (int i = 0; i < (family == ADDR_IP4 ? 4 : 16); i++)
		a.bytes[i] = (uint8_t)(rng_below(rng, 3) * 0x55 ^ (rng_below(rng, 8) == 0));
	return a;
}

static void it_agrees_with_a_linear_search(void **state)
{
	static struct prefix list[PREFIXES];

	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct rng rng = rng_seeded(seed);
		struct allowed_ips *t;

		assert_int_equal(allowed_ips_new(&t), 0);
		for (uint32_t i = 0; i < PREFIXES; i++) {
			bool ip4 = rng_below(&rng, 2) == 0;

			list[i].addr = random_addr(&rng, ip4 ? ADDR_IP4 : ADDR_IP6);
			list[i].len = (uint8_t)rng_below(&rng, ip4 ? 33 : 129);
			assert_int_equal(allowed_ips_add(t, &list[i], i), 0);
			for (int k = 0; k < 60; k++) {
				struct addr a =
					random_addr(&rng, rng_below(&rng, 2) ? ADDR_IP4 : ADDR_IP6);

				assert_int_equal(allowed_ips_find(t, &a),
						 slow_find(list, i + 1, &a));
			}
		}
		allowed_ips_free(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_match_wins),
		cmocka_unit_test(a_prefix_moves_to_the_peer_that_has_it_last),
		cmocka_unit_test(it_agrees_with_a_linear_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
