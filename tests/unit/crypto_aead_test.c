/* SPDX-License-Identifier: BSD-2-Clause */
#include "crypto/aead.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../vectors/hex.h"
#include "base/rng.h"

/* RFC 8439 appendix A.5: its nonce is 4 zero bytes but one and a counter in wire order. */
static void the_vector_of_rfc_8439_holds(void **state)
{
	static const char sealed_hex[] =
		"64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2"
		"4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf"
		"332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855"
		"9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4"
		"b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e"
		"af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a"
		"0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10"
		"49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29"
		"a6ad5cb4022b02709beead9d67890cbb22392336fea1851f38";
	uint8_t key[32], sealed[300], plain[300], again[300], ad[12];
	size_t n;

	(void)state;
	hex_bytes("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0", key, 32);
	n = hex_bytes(sealed_hex, sealed, sizeof(sealed));
	hex_bytes("f33388860000000000004e91", ad, 12);
	assert_int_equal(n, 265 + 16);
	assert_true(aead_open_once(plain, key, 0x0807060504030201, sealed, 265, ad, 12));
	assert_memory_equal(plain, "Internet-Drafts are draft documents valid", 41);
	aead_seal_once(again, key, 0x0807060504030201, plain, 265, ad, 12);
	assert_memory_equal(again, sealed, n);
	ad[0] ^= 1;
	assert_false(aead_open_once(plain, key, 0x0807060504030201, sealed, 265, ad, 12));
}

/* Two libraries that know nothing of each other. */
static void batches_agree_with_the_single_shot(void **state)
{
	static uint8_t data[8][1500 + 16], want[8][1500 + 16];
	struct rng rng = rng_seeded(9);
	struct aead_op ops[8];
	struct aead *aead;
	uint8_t key[32];

	(void)state;
	rng_fill(&rng, key, sizeof(key));
	assert_int_equal(aead_new(key, &aead), 0);
	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < 8; i++) {
			ops[i] = (struct aead_op){ .data = data[i],
						   .len = round == 0 ? 0 : rng_below(&rng, 1501),
						   .counter = rng_u32(&rng) };
			ops[i].counter = ops[i].counter << 31 | (uint64_t)i;
			rng_fill(&rng, data[i], ops[i].len);
			aead_seal_once(want[i], key, ops[i].counter, data[i], ops[i].len, NULL, 0);
		}
		aead_seal(aead, ops, 8);
		for (int i = 0; i < 8; i++)
			assert_memory_equal(data[i], want[i], ops[i].len + 16);
		data[3][rng_below(&rng, ops[3].len + 16)] ^= 0x10;
		aead_open(aead, ops, 8);
		for (int i = 0; i < 8; i++)
			assert_int_equal(ops[i].ok, i != 3);
	}
	aead = aead_free(aead);
	assert_null(aead);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vector_of_rfc_8439_holds),
		cmocka_unit_test(batches_agree_with_the_single_shot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
