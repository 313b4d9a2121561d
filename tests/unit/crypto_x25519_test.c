/* SPDX-License-Identifier: BSD-2-Clause */
#include "crypto/x25519.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../vectors/hex.h"

/* RFC 7748 section 5.2, both vectors. */
static void the_vectors_of_rfc_7748_hold(void **state)
{
	static const char *const vectors[][3] = {
		{ "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
		  "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
		  "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552" },
		{ "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
		  "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
		  "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957" },
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint8_t scalar[32], point[32], want[32], got[32];

		hex_bytes(vectors[i][0], scalar, 32);
		hex_bytes(vectors[i][1], point, 32);
		hex_bytes(vectors[i][2], want, 32);
		assert_true(x25519(got, scalar, point));
		assert_memory_equal(got, want, 32);
	}
}

/* RFC 7748 section 6.1. */
static void both_sides_share_a_secret(void **state)
{
	uint8_t a[32], b[32], a_public[32], b_public[32], want[32], got[32];

	(void)state;
	hex_bytes("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", a, 32);
	hex_bytes("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", b, 32);
	x25519_public(a_public, a);
	hex_bytes("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a", want, 32);
	assert_memory_equal(a_public, want, 32);
	x25519_public(b_public, b);
	hex_bytes("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742", want, 32);
	assert_true(x25519(got, a, b_public));
	assert_memory_equal(got, want, 32);
	assert_true(x25519(got, b, a_public));
	assert_memory_equal(got, want, 32);
}

/* The points of order 1, 2, 4 and 8: curve25519's security page lists them. */
static void points_of_low_order_are_refused(void **state)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	static const uint8_t zero[32];

	(void)state;
	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++) {
		uint8_t scalar[32] = { 77 }, point[32], got[32];

		memset(got, 1, sizeof(got));
		hex_bytes(points[i], point, 32);
		assert_false(x25519(got, scalar, point));
		assert_memory_equal(got, zero, 32);
	}
}

static void clamping_does_not_change_the_public_key(void **state)
{
	uint8_t key[32], clamped[32], a[32], b[32];

	(void)state;
	memset(key, 0xff, sizeof(key));
	memcpy(clamped, key, sizeof(key));
	x25519_clamp(clamped);
	assert_int_equal(clamped[0], 0xf8);
	assert_int_equal(clamped[31], 0x7f);
	x25519_public(a, key);
	x25519_public(b, clamped);
	assert_memory_equal(a, b, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_rfc_7748_hold),
		cmocka_unit_test(both_sides_share_a_secret),
		cmocka_unit_test(points_of_low_order_are_refused),
		cmocka_unit_test(clamping_does_not_change_the_public_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
