/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../vectors/hex.h"
#include "../vectors/wireguard_handshake.h"
#include "base/wire.h"
#include "wireguard/tunnel.h"
#include "wireguard_pair.h"

#define PEER 4

static struct rng rng;
static struct wg_tunnel *t;
static const uint64_t start = 1000 * NS_PER_S;

static int setup(void **state)
{
	struct wg_keys keys = { .peer = PEER,
				.local_index = VECTOR_INDEX_I,
				.remote_index = VECTOR_INDEX_R,
				.initiator = true,
				.birth = start };
	struct wg_event event;

	(void)state;
	rng = rng_seeded(1);
	hex_bytes(vector_key_first, keys.send_key, WG_KEY_LEN);
	hex_bytes(vector_key_second, keys.receive_key, WG_KEY_LEN);
	assert_int_equal(wg_tunnel_new(8, &rng, &t), 0);
	wg_tunnel_peer_add(t, PEER, 0, start);
	assert_int_equal(wg_tunnel_install(t, &keys, start), 0);
	assert_true(wg_tunnel_next_event(t, &event));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	t = wg_tunnel_free(t);
	return 0;
}

static struct session *session(void)
{
	struct tunnel_peer *p = tunnel_peer(t, PEER);

	return sessions_get(&p->sessions, p->sessions.current);
}

static void a_message_is_that_of_an_independent_implementation(void **state)
{
	uint8_t message[64] = { 0 }, want[64];
	struct wg_tx tx = { .message = message, .plain_len = 16 };

	(void)state;
	memcpy(message + WG_DATA_HEADER_LEN, "sixteen bytes...", 16);
	assert_int_equal(wg_tunnel_seal(t, PEER, &tx, 1, PAIR_MTU, start), PASS);
	assert_int_equal(tx.len, hex_bytes(vector_data, want, sizeof(want)));
	assert_memory_equal(message, want, tx.len);
}

static void counters_follow_each_other_across_batches(void **state)
{
	static uint8_t messages[150][64];
	struct wg_tx tx[150];

	(void)state;
	for (int i = 0; i < 150; i++)
		tx[i] = (struct wg_tx){ .message = messages[i], .plain_len = 20 };
	assert_int_equal(wg_tunnel_seal(t, PEER, tx, 100, PAIR_MTU, start), PASS);
	assert_int_equal(wg_tunnel_seal(t, PEER, tx + 100, 50, PAIR_MTU, start), PASS);
	for (uint64_t i = 0; i < 150; i++) {
		assert_int_equal(load_le32(messages[i]), WG_DATA);
		assert_int_equal(load_le32(messages[i] + 4), VECTOR_INDEX_R);
		assert_true(load_le64(messages[i] + 8) == i);
		assert_int_equal(tx[i].len, 64);
	}
}

/* Seals one packet; Return: the verdict, and whether a handshake was asked for. */
static enum verdict seal_one(uint64_t now, bool *asked)
{
	uint8_t message[64] = { 0 };
	struct wg_tx tx = { .message = message, .plain_len = 1 };
	enum verdict v = wg_tunnel_seal(t, PEER, &tx, 1, PAIR_MTU, now);
	struct wg_event event = { .kinds = 0 };

	(void)wg_tunnel_next_event(t, &event);
	*asked = (event.kinds & WG_EVENT_HANDSHAKE) != 0;
	return v;
}

static void an_initiator_asks_for_a_new_session_at_120_s(void **state)
{
	bool asked;

	(void)state;
	assert_int_equal(seal_one(start + REKEY_AFTER_TIME - 1, &asked), PASS);
	assert_false(asked);
	assert_int_equal(seal_one(start + REKEY_AFTER_TIME, &asked), PASS);
	assert_true(asked);
	assert_int_equal(seal_one(start + REJECT_AFTER_TIME, &asked), DROP_WG_NO_SESSION);
	assert_true(asked);
}

static void a_responder_leaves_that_to_the_initiator(void **state)
{
	bool asked;

	(void)state;
	session()->initiator = false;
	assert_int_equal(seal_one(start + REJECT_AFTER_TIME - 1, &asked), PASS);
	assert_false(asked);
	assert_int_equal(seal_one(start + REJECT_AFTER_TIME, &asked), DROP_WG_NO_SESSION);
	assert_true(asked);
}

static void many_messages_renew_and_at_last_end_a_session(void **state)
{
	uint64_t now = start;
	bool asked;

	(void)state;
	session()->initiator = false;
	session()->send_counter = REKEY_AFTER_MESSAGES - 2;
	assert_int_equal(seal_one(now, &asked), PASS);
	assert_false(asked);
	assert_int_equal(seal_one(now, &asked), PASS);
	assert_true(asked);
	now += 2 * NS_PER_S;
	session()->send_counter = REJECT_AFTER_MESSAGES - 1;
	assert_int_equal(seal_one(now, &asked), PASS);
	now += 2 * NS_PER_S;
	assert_int_equal(seal_one(now, &asked), DROP_WG_NO_SESSION);
	assert_true(asked);
}

static void nothing_is_sealed_for_a_peer_that_is_not_there(void **state)
{
	uint8_t message[64] = { 0 };
	struct wg_tx tx = { .message = message, .plain_len = 1 };
	struct wg_event event;

	(void)state;
	assert_int_equal(wg_tunnel_seal(t, 5, &tx, 1, PAIR_MTU, start), DROP_WG_NO_SESSION);
	assert_int_equal(wg_tunnel_seal(t, 8, &tx, 1, PAIR_MTU, start), DROP_WG_NO_SESSION);
	assert_false(wg_tunnel_next_event(t, &event));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_is_that_of_an_independent_implementation),
		TEST(counters_follow_each_other_across_batches),
		TEST(an_initiator_asks_for_a_new_session_at_120_s),
		TEST(a_responder_leaves_that_to_the_initiator),
		TEST(many_messages_renew_and_at_last_end_a_session),
		TEST(nothing_is_sealed_for_a_peer_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
