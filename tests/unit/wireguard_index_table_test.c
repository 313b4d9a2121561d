/* SPDX-License-Identifier: BSD-2-Clause */
#include "wireguard/index_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

#define KEYS 64

static uint32_t keys[KEYS]; /* of one slot, as receiver indices are; they collide by chance */

/* In a table that is as full as it may be. */
static void it_agrees_with_a_plain_array(void **state)
{
	uint32_t value[KEYS];
	struct rng rng = rng_seeded(1);
	struct index_table *t;
	uint32_t n = 0;

	(void)state;
	assert_int_equal(index_table_new(KEYS / 2, &t), 0);
	memset(value, 0xff, sizeof(value));
	for (uint32_t i = 0; i < KEYS; i++)
		keys[i] = (rng_u32(&rng) & 0xffff0000) | i << 8 | 7;
	for (int step = 0; step < 200000; step++) {
		uint32_t k = rng_below(&rng, KEYS);
		uint32_t v = rng_below(&rng, 1000);

		if (value[k] != INDEX_NONE && rng_below(&rng, 2) == 0) {
			index_table_remove(t, keys[k], value[k] + 1); /* stands for another */
			assert_int_equal(index_table_get(t, keys[k]), value[k]);
			index_table_remove(t, keys[k], value[k]);
			value[k] = INDEX_NONE;
			n--;
		} else if (value[k] != INDEX_NONE || n < KEYS / 2) {
			n += value[k] == INDEX_NONE;
			index_table_put(t, keys[k], v);
			value[k] = v;
		}
		for (uint32_t i = 0; i < KEYS; i += 1 + rng_below(&rng, 8))
			assert_int_equal(index_table_get(t, keys[i]), value[i]);
	}
	index_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_agrees_with_a_plain_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
