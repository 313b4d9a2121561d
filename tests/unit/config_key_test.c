/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "base/rng.h"
#include "config/config.h"

static void keys_are_the_base64_that_everybody_writes(void **state)
{
	struct rng rng = rng_seeded(8);

	(void)state;
	for (int round = 0; round < 2000; round++) {
		uint8_t key[CONFIG_KEY_LEN], back[CONFIG_KEY_LEN];
		char text[CONFIG_KEY_TEXT_MAX], want[CONFIG_KEY_TEXT_MAX];

		rng_fill(&rng, key, sizeof(key));
		config_key_format(key, text);
		assert_int_equal(EVP_EncodeBlock((unsigned char *)want, key, sizeof(key)), 44);
		assert_string_equal(text, want);
		assert_true(config_key_parse(text, back));
		assert_memory_equal(back, key, sizeof(key));
	}
}

static void of_all_characters_only_the_alphabet_is_taken(void **state)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	(void)state;
	for (int place = 0; place < 42; place++) {
		for (int c = 1; c < 256; c++) {
			char text[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
			uint8_t key[CONFIG_KEY_LEN];

			text[place] = (char)c;
			assert_int_equal(config_key_parse(text, key), strchr(alphabet, c) != NULL);
		}
	}
}

static void another_length_or_end_is_refused_and_writes_nothing(void **state)
{
	static const char *const wrong[] = {
		"",
		"=",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",   /* one too few */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", /* one too many */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=", /* bits that belong to no byte */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAC=",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAD=",
	};
	uint8_t key[CONFIG_KEY_LEN], untouched[CONFIG_KEY_LEN];

	(void)state;
	memset(key, 0x5a, sizeof(key));
	memcpy(untouched, key, sizeof(key));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(config_key_parse(wrong[i], key));
		assert_memory_equal(key, untouched, sizeof(key));
	}
	assert_true(config_key_parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=", key));
	assert_int_equal(key[31], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_the_base64_that_everybody_writes),
		cmocka_unit_test(of_all_characters_only_the_alphabet_is_taken),
		cmocka_unit_test(another_length_or_end_is_refused_and_writes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
