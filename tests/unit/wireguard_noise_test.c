/* SPDX-License-Identifier: BSD-2-Clause */
#include "wireguard/noise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../vectors/hex.h"
#include "../vectors/wireguard_handshake.h"
#include "crypto/x25519.h"
#include "wireguard/cookie.h"

/* A source that gives prepared bytes, so that ephemeral keys are those of the vectors. */
static uint8_t prepared[NOISE_LEN];

static void fill_prepared(struct rng *rng, void *out, size_t len)
{
	(void)rng;
	assert_int_equal(len, sizeof(prepared));
	memcpy(out, prepared, len);
}

static struct rng rng = { .fill = fill_prepared };

struct party {
	struct noise_self self;
	struct noise_peer other;
};

static void parties(struct party *i, struct party *r)
{
	hex_bytes(vector_static_i, i->self.private_key, NOISE_LEN);
	hex_bytes(vector_static_r, r->self.private_key, NOISE_LEN);
	x25519_public(i->self.public_key, i->self.private_key);
	x25519_public(r->self.public_key, r->self.private_key);
	memcpy(i->other.public_key, r->self.public_key, NOISE_LEN);
	memcpy(r->other.public_key, i->self.public_key, NOISE_LEN);
	hex_bytes(vector_psk, i->other.psk, NOISE_LEN);
	hex_bytes(vector_psk, r->other.psk, NOISE_LEN);
	assert_true(x25519(i->other.static_static, i->self.private_key, r->self.public_key));
	assert_true(x25519(r->other.static_static, r->self.private_key, i->self.public_key));
}

static void begin(const struct party *i, struct noise_state *state,
		  uint8_t message[static WG_INITIATION_LEN])
{
	uint8_t stamp[STAMP_LEN];

	hex_bytes(vector_stamp, stamp, STAMP_LEN);
	hex_bytes(vector_ephemeral_i, prepared, NOISE_LEN);
	assert_true(noise_initiation_create(&i->self, &i->other, VECTOR_INDEX_I, stamp, &rng, state,
					    message));
}

static void both_messages_are_those_of_an_independent_implementation(void **unused)
{
	uint8_t first[WG_INITIATION_LEN], second[WG_RESPONSE_LEN], want[WG_INITIATION_LEN];
	uint8_t public_key[NOISE_LEN], stamp[STAMP_LEN], a[NOISE_LEN], b[NOISE_LEN];
	struct noise_state is, rs;
	struct cookie_jar jar;
	struct party i, r;

	(void)unused;
	parties(&i, &r);
	begin(&i, &is, first);
	cookie_jar_init(&jar, r.self.public_key);
	cookie_add_macs(&jar, first, sizeof(first), 0);
	hex_bytes(vector_initiation, want, sizeof(want));
	assert_memory_equal(first, want, sizeof(first));

	assert_true(noise_initiation_identify(&r.self, first, &rs, public_key));
	assert_memory_equal(public_key, i.self.public_key, NOISE_LEN);
	assert_true(noise_initiation_prove(&r.other, first, &rs, stamp));
	hex_bytes(vector_stamp, want, STAMP_LEN);
	assert_memory_equal(stamp, want, STAMP_LEN);

	hex_bytes(vector_ephemeral_r, prepared, NOISE_LEN);
	assert_true(
		noise_response_create(&r.other, VECTOR_INDEX_R, VECTOR_INDEX_I, &rng, &rs, second));
	cookie_jar_init(&jar, i.self.public_key);
	cookie_add_macs(&jar, second, sizeof(second), 0);
	hex_bytes(vector_response, want, sizeof(want));
	assert_memory_equal(second, want, sizeof(second));

	assert_true(noise_response_consume(&i.self, &i.other, second, &is));
	noise_split(&is, a, b);
	hex_bytes(vector_key_first, want, NOISE_LEN);
	assert_memory_equal(a, want, NOISE_LEN);
	hex_bytes(vector_key_second, want, NOISE_LEN);
	assert_memory_equal(b, want, NOISE_LEN);
	noise_split(&rs, a, b);
	assert_memory_equal(b, want, NOISE_LEN);
}

static void any_flipped_bit_of_an_initiation_is_noticed(void **unused)
{
	uint8_t message[WG_INITIATION_LEN], public_key[NOISE_LEN], stamp[STAMP_LEN];
	static const struct noise_state zero;
	struct noise_state is, rs;
	struct party i, r;

	(void)unused;
	parties(&i, &r);
	begin(&i, &is, message);
	for (int at = INITIATION_EPHEMERAL_AT; at < WG_INITIATION_LEN - 2 * MAC_LEN; at++) {
		/* The top bit of a point is ignored by X25519, though not by the hash. */
		message[at] ^= 0x80;
		assert_false(noise_initiation_identify(&r.self, message, &rs, public_key) &&
			     noise_initiation_prove(&r.other, message, &rs, stamp));
		assert_memory_equal(&rs, &zero, sizeof(zero)); /* nothing secret stays */
		message[at] ^= 0x80;
	}
}

static void a_forged_response_leaves_the_handshake_as_it_was(void **unused)
{
	uint8_t first[WG_INITIATION_LEN], second[WG_RESPONSE_LEN], public_key[NOISE_LEN];
	struct noise_state is, rs, before;
	uint8_t stamp[STAMP_LEN];
	struct party i, r;

	(void)unused;
	parties(&i, &r);
	begin(&i, &is, first);
	assert_true(noise_initiation_identify(&r.self, first, &rs, public_key));
	assert_true(noise_initiation_prove(&r.other, first, &rs, stamp));
	hex_bytes(vector_ephemeral_r, prepared, NOISE_LEN);
	assert_true(noise_response_create(&r.other, 1, VECTOR_INDEX_I, &rng, &rs, second));
	before = is;
	for (int at = RESPONSE_EPHEMERAL_AT; at < WG_RESPONSE_LEN - 2 * MAC_LEN; at++) {
		second[at] ^= 1;
		assert_false(noise_response_consume(&i.self, &i.other, second, &is));
		assert_memory_equal(&is, &before, sizeof(is));
		second[at] ^= 1;
	}
	memset(second + RESPONSE_EPHEMERAL_AT, 0, NOISE_LEN); /* of low order */
	assert_false(noise_response_consume(&i.self, &i.other, second, &is));
}

static void another_pre_shared_key_does_not_fit(void **unused)
{
	uint8_t first[WG_INITIATION_LEN], second[WG_RESPONSE_LEN], public_key[NOISE_LEN];
	struct noise_state is, rs;
	uint8_t stamp[STAMP_LEN];
	struct party i, r;

	(void)unused;
	parties(&i, &r);
	begin(&i, &is, first);
	assert_true(noise_initiation_identify(&r.self, first, &rs, public_key));
	assert_true(noise_initiation_prove(&r.other, first, &rs, stamp));
	r.other.psk[0] ^= 1;
	hex_bytes(vector_ephemeral_r, prepared, NOISE_LEN);
	assert_true(noise_response_create(&r.other, 1, VECTOR_INDEX_I, &rng, &rs, second));
	assert_false(noise_response_consume(&i.self, &i.other, second, &is));
}

static void a_peer_key_of_low_order_makes_no_message(void **unused)
{
	static const struct noise_state zero;
	uint8_t message[WG_INITIATION_LEN], stamp[STAMP_LEN] = { 0 };
	struct noise_state state;
	struct party i, r;

	(void)unused;
	parties(&i, &r);
	memset(i.other.public_key, 0, NOISE_LEN);
	assert_false(noise_initiation_create(&i.self, &i.other, 1, stamp, &rng, &state, message));
	assert_memory_equal(&state, &zero, sizeof(zero));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_messages_are_those_of_an_independent_implementation),
		cmocka_unit_test(any_flipped_bit_of_an_initiation_is_noticed),
		cmocka_unit_test(a_forged_response_leaves_the_handshake_as_it_was),
		cmocka_unit_test(another_pre_shared_key_does_not_fit),
		cmocka_unit_test(a_peer_key_of_low_order_makes_no_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
