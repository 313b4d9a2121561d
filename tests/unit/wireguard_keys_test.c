/* SPDX-License-Identifier: BSD-2-Clause */
#include "wireguard/wireguard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void private_keys_are_random_and_clamped(void **state)
{
	struct rng rng = rng_seeded(1);
	uint8_t a[WG_KEY_LEN], b[WG_KEY_LEN];

	(void)state;
	wg_private_key(&rng, a);
	for (int i = 0; i < 100; i++) {
		memcpy(b, a, sizeof(b));
		wg_private_key(&rng, a);
		assert_memory_not_equal(a, b, sizeof(a));
		assert_int_equal(a[0] & 7, 0);
		assert_int_equal(a[31] & 0xc0, 0x40);
	}
}

/* RFC 7748 section 6.1: the base point's multiple is what x25519_test checks at length. */
static void a_public_key_follows_from_its_private_key(void **state)
{
	struct rng rng = rng_seeded(2);
	uint8_t key[WG_KEY_LEN], one[WG_KEY_LEN], two[WG_KEY_LEN];

	(void)state;
	wg_private_key(&rng, key);
	wg_public_key(one, key);
	wg_public_key(two, key);
	assert_memory_equal(one, two, sizeof(one));
	key[5] ^= 1;
	wg_public_key(two, key);
	assert_memory_not_equal(one, two, sizeof(one));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(private_keys_are_random_and_clamped),
		cmocka_unit_test(a_public_key_follows_from_its_private_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
