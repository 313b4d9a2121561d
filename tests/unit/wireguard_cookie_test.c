/* SPDX-License-Identifier: BSD-2-Clause */
#include "wireguard/cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../vectors/hex.h"
#include "../vectors/wireguard_handshake.h"

static struct rng rng;
static uint8_t our_public[WG_KEY_LEN];
static struct cookie_checker checker;
static struct cookie_jar jar;
static uint8_t message[WG_INITIATION_LEN];
static uint8_t reply[WG_COOKIE_REPLY_LEN];
static const uint64_t start = 50 * NS_PER_S;
static struct endpoint from = { .port = 4000 };

static int setup(void **state)
{
	uint8_t private_key[WG_KEY_LEN];

	(void)state;
	rng = rng_seeded(4);
	wg_private_key(&rng, private_key);
	wg_public_key(our_public, private_key);
	cookie_checker_init(&checker, our_public, &rng);
	cookie_jar_init(&jar, our_public);
	rng_fill(&rng, message, sizeof(message));
	from.addr = addr_ip4(0x01020304);
	cookie_add_macs(&jar, message, sizeof(message), start);
	return 0;
}

static void mac1_covers_every_byte_before_it(void **state)
{
	(void)state;
	assert_true(cookie_mac1_valid(&checker, message, sizeof(message)));
	for (size_t i = 0; i < sizeof(message) - MAC_LEN; i++) {
		message[i] ^= 4;
		assert_false(cookie_mac1_valid(&checker, message, sizeof(message)));
		message[i] ^= 4;
	}
	message[sizeof(message) - 1] ^= 4; /* MAC2 is not its business */
	assert_true(cookie_mac1_valid(&checker, message, sizeof(message)));
}

static void earn_cookie(void)
{
	cookie_reply_create(&checker, message, sizeof(message), &from, start, reply);
	assert_int_equal(wg_message_type(reply, sizeof(reply)), WG_COOKIE_REPLY);
	assert_true(cookie_reply_consume(&jar, reply, start));
}

static void a_cookie_makes_mac2_valid_for_its_address_and_port_only(void **state)
{
	struct endpoint other = from;

	(void)state;
	assert_false(cookie_mac2_valid(&checker, message, sizeof(message), &from, start));
	earn_cookie();
	cookie_add_macs(&jar, message, sizeof(message), start);
	assert_true(cookie_mac2_valid(&checker, message, sizeof(message), &from, start));
	other.port++;
	assert_false(cookie_mac2_valid(&checker, message, sizeof(message), &other, start));
	other = from;
	other.addr.bytes[3]++;
	assert_false(cookie_mac2_valid(&checker, message, sizeof(message), &other, start));
	other.addr = from.addr;
	other.addr.family = ADDR_IP6;
	assert_false(cookie_mac2_valid(&checker, message, sizeof(message), &other, start));
}

static void a_cookie_dies_with_its_secret_after_120_s(void **state)
{
	const uint64_t last = start + COOKIE_REFRESH_TIME - 1;

	(void)state;
	earn_cookie();
	cookie_add_macs(&jar, message, sizeof(message), start);
	assert_true(cookie_mac2_valid(&checker, message, sizeof(message), &from, last));
	assert_false(cookie_mac2_valid(&checker, message, sizeof(message), &from, last + 1));
}

static void the_sender_stops_using_a_cookie_5_s_earlier(void **state)
{
	static const uint8_t zero[MAC_LEN];
	const uint64_t end = start + COOKIE_REFRESH_TIME - COOKIE_LATENCY;

	(void)state;
	earn_cookie();
	cookie_add_macs(&jar, message, sizeof(message), end - 1);
	assert_memory_not_equal(message + sizeof(message) - MAC_LEN, zero, MAC_LEN);
	cookie_add_macs(&jar, message, sizeof(message), end);
	assert_memory_equal(message + sizeof(message) - MAC_LEN, zero, MAC_LEN);
}

static void a_reply_counts_once_and_only_for_the_last_message(void **state)
{
	uint8_t old[WG_COOKIE_REPLY_LEN];

	(void)state;
	cookie_reply_create(&checker, message, sizeof(message), &from, start, old);
	message[9] ^= 1;
	cookie_add_macs(&jar, message, sizeof(message), start);
	assert_false(cookie_reply_consume(&jar, old, start));
	earn_cookie();
	assert_false(cookie_reply_consume(&jar, reply, start));
}

static void a_forged_reply_is_refused(void **state)
{
	(void)state;
	cookie_reply_create(&checker, message, sizeof(message), &from, start, reply);
	for (size_t i = COOKIE_NONCE_AT; i < sizeof(reply); i++) {
		reply[i] ^= 1;
		assert_false(cookie_reply_consume(&jar, reply, start));
		reply[i] ^= 1;
	}
	assert_true(cookie_reply_consume(&jar, reply, start));
}

static void mac2_is_that_of_an_independent_implementation(void **state)
{
	uint8_t want[WG_INITIATION_LEN], static_r[WG_KEY_LEN];

	(void)state;
	hex_bytes(vector_static_r, static_r, sizeof(static_r));
	wg_public_key(our_public, static_r);
	cookie_jar_init(&jar, our_public);
	hex_bytes(vector_cookie, jar.cookie, COOKIE_LEN);
	jar.cookie_until = start + 1;
	hex_bytes(vector_initiation_with_cookie, want, sizeof(want));
	memcpy(message, want, sizeof(want) - 32);
	cookie_add_macs(&jar, message, sizeof(message), start);
	assert_memory_equal(message, want, sizeof(want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(mac1_covers_every_byte_before_it, setup),
		cmocka_unit_test_setup(a_cookie_makes_mac2_valid_for_its_address_and_port_only,
				       setup),
		cmocka_unit_test_setup(a_cookie_dies_with_its_secret_after_120_s, setup),
		cmocka_unit_test_setup(the_sender_stops_using_a_cookie_5_s_earlier, setup),
		cmocka_unit_test_setup(a_reply_counts_once_and_only_for_the_last_message, setup),
		cmocka_unit_test_setup(a_forged_reply_is_refused, setup),
		cmocka_unit_test_setup(mac2_is_that_of_an_independent_implementation, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
