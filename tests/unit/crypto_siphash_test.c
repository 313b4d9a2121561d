/* SPDX-License-Identifier: BSD-2-Clause */
#include "crypto/siphash.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/wire.h"

/* SipHash-2-4 as the paper's section 2 defines it, one byte of the message at a time. */
struct sip {
	uint64_t v[4];
};

static uint64_t rotated(uint64_t x, unsigned int by)
{
	return x << by | x >> (64 - by);
}

static void rounds(struct sip *s, int n)
{
	uint64_t *v = s->v;

	while (n-- > 0) {
		v[0] += v[1];
		v[1] = rotated(v[1], 13) ^ v[0];
		v[0] = rotated(v[0], 32);
		v[2] += v[3];
		v[3] = rotated(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotated(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotated(v[1], 17) ^ v[2];
		v[2] = rotated(v[2], 32);
	}
}

static void take_word(struct sip *s, uint64_t word)
{
	s->v[3] ^= word;
	rounds(s, 2);
	s->v[0] ^= word;
}

static uint64_t slow_siphash(const uint8_t key[static 16], const uint8_t *data, size_t len)
{
	uint64_t k0 = load_le64(key), k1 = load_le64(key + 8);
	struct sip s = { { k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
			   k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573) } };
	uint64_t word = 0;

	for (size_t i = 0; i < len; i++) {
		word |= (uint64_t)data[i] << 8 * (i % 8);
		if (i % 8 == 7) {
			take_word(&s, word);
			word = 0;
		}
	}
	take_word(&s, word | (uint64_t)len << 56);
	s.v[2] ^= 0xff;
	rounds(&s, 4);
	return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}

static void the_papers_vector_comes_out(void **state)
{
	uint8_t key[16], data[15];

	(void)state;
	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	for (uint8_t i = 0; i < 15; i++)
		data[i] = i;
	/* Appendix A: key 00..0f, message 00..0e. */
	assert_true(siphash(key, data, sizeof(data)) == UINT64_C(0xa129ca6149be45e5));
}

static void every_length_agrees_with_the_definition(void **state)
{
	struct rng rng = rng_seeded(6);
	uint8_t key[16], data[300];

	(void)state;
	for (size_t len = 0; len <= sizeof(data); len++) {
		rng_fill(&rng, key, sizeof(key));
		rng_fill(&rng, data, sizeof(data));
		assert_true(siphash(key, data, len) == slow_siphash(key, data, len));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_papers_vector_comes_out),
		cmocka_unit_test(every_length_agrees_with_the_definition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
