/* SPDX-License-Identifier: BSD-2-Clause */
#include "router/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

#define ENTRIES_MAX 300

/* Looks at every entry and keeps the strongest that covers @a. */
static enum verdict slow_find(const struct table_entry *e, size_t n, uint32_t a)
{
	const struct table_entry *best = NULL;

	for (size_t i = 0; i < n; i++) {
		if (e[i].len > 0 && (e[i].net ^ a) >> (32 - e[i].len) != 0)
			continue;
		if (!best || e[i].layer > best->layer ||
		    (e[i].layer == best->layer && e[i].len >= best->len))
			best = &e[i];
	}
	return best ? best->verdict : PASS;
}

static void an_empty_table_passes_everything(void **state)
{
	struct table table;

	(void)state;
	assert_int_equal(table_init(&table, NULL, 0), 0);
	assert_int_equal(table_find(&table, 0), PASS);
	assert_int_equal(table_find(&table, UINT32_MAX), PASS);
	table_done(&table);
}

static void every_address_finds_what_the_slow_search_finds(void **state)
{
	static struct table_entry entries[ENTRIES_MAX];
	static struct table_entry given[ENTRIES_MAX];
	struct rng rng = rng_seeded(21);

	(void)state;
	for (unsigned int round = 0; round < 60; round++) {
		size_t n = rng_below(&rng, ENTRIES_MAX + 1);
		struct table table;

		for (size_t i = 0; i < n; i++) {
			entries[i] = (struct table_entry){
				/* Few distinct networks, so that prefixes nest and repeat. */
				.net = rng_u32(&rng) & 0x83070301,
				.len = (uint8_t)rng_below(&rng, 33),
				.layer = (uint8_t)rng_below(&rng, 3),
				.verdict = (enum verdict)rng_below(&rng, 5),
			};
		}
		memcpy(given, entries, sizeof(given));
		assert_int_equal(table_init(&table, entries, n), 0);
		for (unsigned int i = 0; i < 1000; i++) {
			uint32_t a = rng_u32(&rng);

			if (i & 1 && n > 0) /* at and beside the edges */
				a = given[rng_below(&rng, (uint32_t)n)].net + rng_below(&rng, 3) -
				    1;
			assert_int_equal(table_find(&table, a), slow_find(given, n, a));
		}
		assert_int_equal(table_find(&table, 0), slow_find(given, n, 0));
		assert_int_equal(table_find(&table, UINT32_MAX), slow_find(given, n, UINT32_MAX));
		table_done(&table);
	}
}

static void ranges_of_one_verdict_are_merged(void **state)
{
	struct table_entry e[] = {
		{ .net = 0x0a000000, .len = 9, .verdict = DROP_ROUTE_PRIVATE },
		{ .net = 0x0a800000, .len = 9, .verdict = DROP_ROUTE_PRIVATE },
		{ .net = 0x0a010000, .len = 16, .verdict = DROP_ROUTE_PRIVATE },
	};
	struct table table;

	(void)state;
	assert_int_equal(table_init(&table, e, 3), 0);
	assert_int_equal(table.n, 3);
	table_done(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_table_passes_everything),
		cmocka_unit_test(every_address_finds_what_the_slow_search_finds),
		cmocka_unit_test(ranges_of_one_verdict_are_merged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
