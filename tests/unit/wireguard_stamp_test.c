/* SPDX-License-Identifier: BSD-2-Clause */
#include "wireguard/stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../vectors/hex.h"
#include "../vectors/wireguard_handshake.h"

static void a_stamp_is_tai64n(void **state)
{
	const uint64_t wall = UINT64_C(1700000000) * NS_PER_S + 10 * STAMP_GRAIN;
	uint8_t got[STAMP_LEN], want[STAMP_LEN];

	(void)state;
	hex_bytes(vector_stamp, want, sizeof(want));
	stamp_store(got, wall);
	assert_memory_equal(got, want, STAMP_LEN);
}

static void a_stamp_is_blunted_and_always_after_the_last(void **state)
{
	(void)state;
	assert_true(stamp_after(STAMP_GRAIN * 7 + 5, 0) == STAMP_GRAIN * 7);
	assert_true(stamp_after(STAMP_GRAIN * 7 + 5, STAMP_GRAIN * 7) == STAMP_GRAIN * 8);
	assert_true(stamp_after(5, STAMP_GRAIN * 7) == STAMP_GRAIN * 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stamp_is_tai64n),
		cmocka_unit_test(a_stamp_is_blunted_and_always_after_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
