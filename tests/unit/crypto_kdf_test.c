/* SPDX-License-Identifier: BSD-2-Clause */
#include "crypto/kdf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/rng.h"

static void slow_hmac(uint8_t out[32], const uint8_t *key, size_t key_len, const uint8_t *data,
		      size_t len)
{
	unsigned int n = 0;

	assert_non_null(HMAC(EVP_blake2s256(), key, (int)key_len, data, len, out, &n));
	assert_int_equal(n, 32);
}

static void hmac_agrees_with_libcrypto(void **state)
{
	struct rng rng = rng_seeded(5);
	uint8_t key[64], data[200], got[32], want[32];

	(void)state;
	for (int i = 0; i < 500; i++) {
		size_t key_len = 1 + rng_below(&rng, 64);
		size_t len = rng_below(&rng, sizeof(data));

		rng_fill(&rng, key, key_len);
		rng_fill(&rng, data, len);
		slow_hmac(want, key, key_len, data, len);
		hmac_blake2s(got, key, key_len, data, len);
		assert_memory_equal(got, want, 32);
	}
}

/* The paper, 5.4, written out: t0 = HMAC(k, x), t1 = HMAC(t0, 1), tn = HMAC(t0, tn-1 || n). */
static void the_three_outputs_follow_the_paper(void **state)
{
	struct rng rng = rng_seeded(6);
	uint8_t chaining[32], input[32], t0[32], t[3][32], buf[33], a[32], b[32], c[32];

	(void)state;
	rng_fill(&rng, chaining, 32);
	rng_fill(&rng, input, 32);
	slow_hmac(t0, chaining, 32, input, 32);
	buf[0] = 1;
	slow_hmac(t[0], t0, 32, buf, 1);
	for (int i = 1; i < 3; i++) {
		memcpy(buf, t[i - 1], 32);
		buf[32] = (uint8_t)(i + 1);
		slow_hmac(t[i], t0, 32, buf, 33);
	}
	kdf(a, b, c, chaining, input, 32);
	assert_memory_equal(a, t[0], 32);
	assert_memory_equal(b, t[1], 32);
	assert_memory_equal(c, t[2], 32);
	memcpy(a, chaining, 32);
	kdf(a, b, NULL, a, input, 32); /* the chaining key may be rewritten in place */
	assert_memory_equal(a, t[0], 32);
	assert_memory_equal(b, t[1], 32);
	kdf(chaining, NULL, NULL, chaining, input, 32);
	assert_memory_equal(chaining, t[0], 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hmac_agrees_with_libcrypto),
		cmocka_unit_test(the_three_outputs_follow_the_paper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
