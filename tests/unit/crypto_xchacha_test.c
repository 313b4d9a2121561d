/* SPDX-License-Identifier: BSD-2-Clause */
#include "crypto/xchacha.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../vectors/hex.h"
#include "base/rng.h"
#include "crypto/siphash.h"

/* draft-irtf-cfrg-xchacha-03 appendix A.3.1. */
static void the_vector_of_the_draft_holds(void **state)
{
	static const char plain[] =
		"Ladies and Gentlemen of the class of '99: If I could offer you "
		"only one tip for the future, sunscreen would be it.";
	uint8_t key[32], nonce[24], ad[12], got[130], want[16], back[114];

	(void)state;
	hex_bytes("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", key, 32);
	hex_bytes("404142434445464748494a4b4c4d4e4f5051525354555657", nonce, 24);
	hex_bytes("50515253c0c1c2c3c4c5c6c7", ad, 12);
	hex_bytes("c0875924c1c7987947deafd8780acf49", want, 16);
	xchacha_seal(got, (const uint8_t *)plain, 114, ad, 12, nonce, key);
	assert_memory_equal(got + 114, want, 16);
	assert_true(xchacha_open(back, got, 114, ad, 12, nonce, key));
	assert_memory_equal(back, plain, 114);
	got[5] ^= 1;
	assert_false(xchacha_open(back, got, 114, ad, 12, nonce, key));
}

/* The SipHash paper, appendix A: key 00..0f, input 00..0e. */
static void the_vector_of_the_siphash_paper_holds(void **state)
{
	uint8_t bytes[16];

	(void)state;
	for (uint8_t i = 0; i < 16; i++)
		bytes[i] = i;
	assert_true(siphash(bytes, bytes, 15) == UINT64_C(0xa129ca6149be45e5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vector_of_the_draft_holds),
		cmocka_unit_test(the_vector_of_the_siphash_paper_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
