/* SPDX-License-Identifier: BSD-2-Clause */
#include "crypto/blake2s.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "../vectors/hex.h"
#include "base/rng.h"

/* RFC 7693 appendix B. */
static void the_vector_of_rfc_7693_holds(void **state)
{
	uint8_t want[32], got[32];

	(void)state;
	hex_bytes("508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982", want, 32);
	blake2s_hash(got, "abc", 3, NULL, 0);
	assert_memory_equal(got, want, 32);
	blake2s_hash(got, "a", 1, "bc", 2);
	assert_memory_equal(got, want, 32);
}

/* The self-test of RFC 7693 appendix E: all lengths and keys that it names, hashed together. */
static void selftest_sequence(uint8_t *out, size_t len, uint32_t seed)
{
	uint32_t a = 0xdead4bad * seed;
	uint32_t b = 1;

	for (size_t i = 0; i < len; i++) {
		uint32_t t = a + b;

		a = b;
		b = t;
		out[i] = (uint8_t)(t >> 24);
	}
}

static void the_self_test_of_rfc_7693_holds(void **state)
{
	static const size_t hash_lens[] = { 16, 20, 28, 32 };
	static const size_t lens[] = { 0, 3, 64, 65, 255, 1024 };
	uint8_t in[1024], md[32], key[32], want[32];
	struct blake2s all, one;

	(void)state;
	blake2s_init(&all, 32, NULL, 0);
	for (size_t i = 0; i < 4; i++) {
		for (size_t k = 0; k < 6; k++) {
			selftest_sequence(in, lens[k], (uint32_t)lens[k]);
			blake2s_init(&one, hash_lens[i], NULL, 0);
			blake2s_update(&one, in, lens[k]);
			blake2s_final(&one, md);
			blake2s_update(&all, md, hash_lens[i]);
			selftest_sequence(key, hash_lens[i], (uint32_t)hash_lens[i]);
			blake2s_init(&one, hash_lens[i], key, hash_lens[i]);
			blake2s_update(&one, in, lens[k]);
			blake2s_final(&one, md);
			blake2s_update(&all, md, hash_lens[i]);
		}
	}
	blake2s_final(&all, md);
	hex_bytes("6a411f08ce25adcdfb02aba641451cec53c598b24f4fc787fbdc88797f4c1dfe", want, 32);
	assert_memory_equal(md, want, 32);
}

/* libcrypto's slower keyed mode is the oracle. */
static void macs_agree_with_libcrypto(void **state)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "BLAKE2SMAC", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
	struct rng rng = rng_seeded(3);
	uint8_t key[32], data[300], got[16], want[32];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		size_t key_len = 1 + rng_below(&rng, 32);
		size_t len = rng_below(&rng, sizeof(data));
		size_t size = 16;
		OSSL_PARAM params[] = { OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
					OSSL_PARAM_construct_end() };
		size_t n;

		rng_fill(&rng, key, key_len);
		rng_fill(&rng, data, len);
		assert_int_equal(EVP_MAC_init(ctx, key, key_len, params), 1);
		assert_int_equal(EVP_MAC_update(ctx, data, len), 1);
		assert_int_equal(EVP_MAC_final(ctx, want, &n, sizeof(want)), 1);
		assert_int_equal(n, 16);
		blake2s_mac(got, key, key_len, data, len);
		assert_memory_equal(got, want, 16);
	}
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vector_of_rfc_7693_holds),
		cmocka_unit_test(the_self_test_of_rfc_7693_holds),
		cmocka_unit_test(macs_agree_with_libcrypto),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
