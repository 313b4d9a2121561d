/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "base/wire.h"
#include "wireguard/cookie.h"
#include "wireguard_pair.h"

static const uint8_t psk[WG_KEY_LEN] = { 7, 7, 7 };
static struct pair p;

static int setup(void **state)
{
	(void)state;
	pair_start(&p, psk);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pair_end(&p);
	return 0;
}

/* Side 0 asks for a handshake; the message is returned in *out. */
static void initiate(struct wg_output *out)
{
	wg_handshaker_initiate(p.side[0].h, p.side[0].peer, &p.side[1].at, &p.side[0].at.addr,
			       p.now, pair_wall(&p), out);
}

static enum verdict receive(int i, const uint8_t *message, size_t len, struct wg_output *out)
{
	struct side *s = &p.side[i];

	return wg_handshaker_receive(s->h, message, len, &p.side[1 - i].at, &s->at.addr, s->load,
				     p.now, out);
}

static void both_sides_get_the_same_keys_the_other_way_round(void **state)
{
	struct wg_output first, second, last;

	(void)state;
	initiate(&first);
	assert_int_equal(first.kind, WG_SEND);
	assert_int_equal(receive(1, first.message, first.len, &second), PASS);
	assert_int_equal(second.kind, WG_SESSION);
	assert_int_equal(second.len, WG_RESPONSE_LEN);
	assert_false(second.keys.initiator);
	assert_int_equal(second.keys.local_index & 0xff, p.side[1].peer % WG_SLOTS);
	assert_int_equal(receive(0, second.message, second.len, &last), PASS);
	assert_int_equal(last.kind, WG_SESSION);
	assert_int_equal(last.len, 0);
	assert_true(last.keys.initiator);
	assert_int_equal(last.keys.local_index, second.keys.remote_index);
	assert_int_equal(last.keys.remote_index, second.keys.local_index);
	assert_memory_equal(last.keys.send_key, second.keys.receive_key, WG_KEY_LEN);
	assert_memory_equal(last.keys.receive_key, second.keys.send_key, WG_KEY_LEN);
	assert_memory_not_equal(last.keys.receive_key, last.keys.send_key, WG_KEY_LEN);
	wg_handshaker_on_deadline(p.side[0].h, p.now + 200 * NS_PER_S, 0, &last);
	assert_int_equal(last.kind, WG_NOTHING);
}

static void an_unanswered_initiation_is_retried_every_5_s_and_given_up_after_90(void **state)
{
	struct side *s = &p.side[0];

	(void)state;
	p.cut[1] = true;
	(void)pair_seal(&p, 0, 100);
	pair_run(&p, 100 * NS_PER_S);
	assert_int_equal(s->n_failed, 1);
	assert_in_range(s->n_initiations, 17, 18);
	for (int i = 1; i < s->n_initiations; i++) {
		uint64_t gap = s->initiations[i] - s->initiations[i - 1];

		assert_true(gap >= 5 * NS_PER_S && gap < 5334 * NS_PER_MS);
	}
	assert_true(s->initiations[s->n_initiations - 1] < s->initiations[0] + 90 * NS_PER_S);
	pair_run(&p, 1000 * NS_PER_S); /* and then there is silence */
	assert_in_range(s->n_initiations, 17, 18);
	p.cut[1] = false;
	pair_connect(&p);
	assert_int_equal(p.side[1].n_data, 1);
}

static void only_one_handshake_is_under_way_and_5_s_lie_between_two(void **state)
{
	struct wg_output out;

	(void)state;
	initiate(&out);
	assert_int_equal(out.kind, WG_SEND);
	initiate(&out);
	assert_int_equal(out.kind, WG_NOTHING);
	wg_handshaker_peer_remove(p.side[0].h, 5); /* there is no such peer */
	pair_connect(&p);
	pair_run(&p, 11 * NS_PER_S);
	initiate(&out);
	assert_int_equal(out.kind, WG_SEND);
	pair_output(&p, 0, &out);
	pair_settle(&p);
	p.now += REKEY_TIMEOUT - 1;
	initiate(&out);
	assert_int_equal(out.kind, WG_NOTHING);
	p.now++;
	initiate(&out);
	assert_int_equal(out.kind, WG_SEND);
}

static void a_lost_response_is_made_up_for(void **state)
{
	(void)state;
	p.cut[0] = true;
	pair_connect(&p);
	assert_int_equal(p.side[1].n_sessions, 1);
	assert_int_equal(p.side[0].n_sessions, 0);
	p.cut[0] = false;
	pair_run(&p, 6 * NS_PER_S);
	assert_int_equal(p.side[0].n_sessions, 1);
	assert_int_equal(p.side[1].n_data, 1);
}

static void a_replayed_initiation_is_refused(void **state)
{
	struct wg_output first, out;

	(void)state;
	initiate(&first);
	assert_int_equal(receive(1, first.message, first.len, &out), PASS);
	p.now += 10 * NS_PER_S;
	assert_int_equal(receive(1, first.message, first.len, &out), DROP_WG_REPLAY);
	assert_int_equal(out.kind, WG_NOTHING);
}

static void an_older_initiation_is_refused(void **state)
{
	struct wg_output older, newer, out;

	(void)state;
	initiate(&older);
	p.now += 6 * NS_PER_S;
	wg_handshaker_on_deadline(p.side[0].h, p.now, pair_wall(&p), &newer);
	assert_int_equal(newer.kind, WG_SEND);
	assert_int_equal(receive(1, newer.message, newer.len, &out), PASS);
	p.now += NS_PER_S;
	assert_int_equal(receive(1, older.message, older.len, &out), DROP_WG_REPLAY);
}

static void stamps_grow_though_the_clock_is_set_back(void **state)
{
	struct wg_output older, newer, out;

	(void)state;
	initiate(&older);
	assert_int_equal(receive(1, older.message, older.len, &out), PASS);
	p.now += 6 * NS_PER_S;
	wg_handshaker_on_deadline(p.side[0].h, p.now, pair_wall(&p) - 3600 * NS_PER_S, &newer);
	assert_int_equal(receive(1, newer.message, newer.len, &out), PASS);
}

static void initiations_of_a_peer_within_20_ms_are_refused(void **state)
{
	struct wg_output a, b, out;

	(void)state;
	initiate(&a);
	p.now += 6 * NS_PER_S;
	wg_handshaker_on_deadline(p.side[0].h, p.now, pair_wall(&p), &b);
	assert_int_equal(receive(1, a.message, a.len, &out), PASS);
	p.now += 20 * NS_PER_MS - 1;
	assert_int_equal(receive(1, b.message, b.len, &out), DROP_WG_RATE);
	p.now++;
	assert_int_equal(receive(1, b.message, b.len, &out), PASS);
}

static void a_replayed_or_foreign_response_is_refused(void **state)
{
	struct wg_output first, second, out;

	(void)state;
	initiate(&first);
	assert_int_equal(receive(1, first.message, first.len, &second), PASS);
	assert_int_equal(receive(0, second.message, second.len, &out), PASS);
	assert_int_equal(receive(0, second.message, second.len, &out), DROP_WG_INDEX);
	assert_int_equal(receive(1, second.message, second.len, &out), DROP_WG_MAC);
}

/* The index is not part of what the response authenticates. */
static void a_response_under_another_index_of_the_peer_is_refused(void **state)
{
	struct wg_output first, second, out;
	struct cookie_jar jar;
	uint32_t old;

	(void)state;
	pair_connect(&p);
	old = p.side[0].keys.local_index;
	p.now += 6 * NS_PER_S;
	initiate(&first);
	assert_int_equal(receive(1, first.message, first.len, &second), PASS);
	cookie_jar_init(&jar, p.side[0].public_key);
	store_le32(second.message + RESPONSE_RECEIVER_AT, old);
	cookie_add_macs(&jar, second.message, WG_RESPONSE_LEN, p.now);
	assert_int_equal(receive(0, second.message, second.len, &out), DROP_WG_INDEX);
	store_le32(second.message + RESPONSE_RECEIVER_AT, second.keys.remote_index);
	cookie_add_macs(&jar, second.message, WG_RESPONSE_LEN, p.now);
	assert_int_equal(receive(0, second.message, second.len, &out), PASS);
}

static void a_stranger_is_refused(void **state)
{
	struct wg_output first, out;

	(void)state;
	initiate(&first);
	wg_handshaker_peer_remove(p.side[1].h, p.side[1].peer);
	assert_int_equal(receive(1, first.message, first.len, &out), DROP_WG_UNKNOWN_PEER);
	assert_int_equal(out.kind, WG_NOTHING);
}

static void keys_that_cannot_be_a_peers_are_refused(void **state)
{
	static const uint8_t zero[WG_KEY_LEN];
	struct side *s = &p.side[0];

	(void)state;
	assert_int_equal(wg_handshaker_peer_set(s->h, 1, s->public_key, psk), -EINVAL);
	assert_int_equal(wg_handshaker_peer_set(s->h, 1, zero, psk), -EINVAL);
	assert_int_equal(wg_handshaker_peer_set(s->h, 1, p.side[1].public_key, psk), -EEXIST);
}

static void another_pre_shared_key_takes_effect(void **state)
{
	static const uint8_t other[WG_KEY_LEN] = { 9 };
	struct side *s = &p.side[0];

	(void)state;
	assert_int_equal(wg_handshaker_peer_set(s->h, s->peer, p.side[1].public_key, other), 0);
	pair_connect(&p);
	assert_int_equal(p.side[1].n_sessions, 1);
	assert_int_equal(s->n_sessions, 0);
	assert_int_equal(s->verdict, DROP_WG_HANDSHAKE);
	assert_int_equal(wg_handshaker_peer_set(s->h, s->peer, p.side[1].public_key, psk), 0);
	pair_run(&p, 6 * NS_PER_S);
	assert_int_equal(s->n_sessions, 1);
}

static void simultaneous_initiations_converge(void **state)
{
	(void)state;
	(void)pair_seal(&p, 0, 100);
	(void)pair_seal(&p, 1, 100);
	pair_settle(&p);
	pair_run(&p, NS_PER_S);
	assert_int_equal(p.side[0].n_data, 1);
	assert_int_equal(p.side[1].n_data, 1);
	for (int k = 0; k < 10; k++) {
		assert_int_equal(pair_seal(&p, 0, 50), PASS);
		assert_int_equal(pair_seal(&p, 1, 50), PASS);
		pair_run(&p, NS_PER_S);
		assert_int_equal(p.side[0].n_data, 2 + k);
		assert_int_equal(p.side[1].n_data, 2 + k);
	}
	assert_int_equal(p.side[0].n_initiations + p.side[1].n_initiations, 2);
}

static void under_load_a_cookie_must_be_earned_first(void **state)
{
	(void)state;
	p.side[1].load = true;
	pair_connect(&p);
	assert_int_equal(p.side[1].verdict, DROP_WG_COOKIE);
	assert_int_equal(p.side[1].n_cookies, 1);
	assert_int_equal(p.side[1].n_sessions, 0);
	assert_int_equal(p.side[0].verdict, PASS);
	pair_run(&p, 6 * NS_PER_S);
	assert_int_equal(p.side[1].n_sessions, 1);
	assert_int_equal(p.side[1].n_cookies, 1);
	assert_int_equal(p.side[1].n_data, 1);
}

static void a_response_too_must_earn_its_cookie(void **state)
{
	(void)state;
	p.side[0].load = true;
	pair_connect(&p);
	assert_int_equal(p.side[0].n_cookies, 1);
	assert_int_equal(p.side[0].n_sessions, 0);
	pair_run(&p, 6 * NS_PER_S);
	assert_int_equal(p.side[0].n_sessions, 1);
	assert_int_equal(p.side[1].n_data, 1);
}

static void under_load_a_source_is_limited_though_it_has_a_cookie(void **state)
{
	struct wg_output m, out;
	int passed = 0, limited = 0;

	(void)state;
	p.side[1].load = true;
	pair_connect(&p);
	p.now += 6 * NS_PER_S;
	wg_handshaker_on_deadline(p.side[0].h, p.now, pair_wall(&p), &m);
	for (int i = 0; i < 50; i++) {
		enum verdict v = receive(1, m.message, m.len, &out);

		passed += v == PASS || v == DROP_WG_REPLAY;
		limited += v == DROP_WG_RATE;
	}
	assert_int_equal(passed, 5);
	assert_int_equal(limited, 45);
}

static void random_noise_has_no_effect(void **state)
{
	struct rng rng = rng_seeded(77);
	struct wg_output first, out;
	uint8_t noise[WG_INITIATION_LEN];

	(void)state;
	initiate(&first);
	for (int i = 0; i < 20000; i++) {
		static const size_t lens[] = { 0, WG_INITIATION_LEN, WG_RESPONSE_LEN,
					       WG_COOKIE_REPLY_LEN };
		uint8_t type = (uint8_t)(1 + rng_below(&rng, 3));

		rng_fill(&rng, noise, sizeof(noise));
		memset(noise, 0, 4);
		noise[0] = type;
		if (rng_below(&rng, 2)) /* half of them have an index that exists */
			memcpy(noise + (type == WG_RESPONSE ? 8 : 4), first.message + 4, 4);
		assert_int_not_equal(receive(0, noise, lens[type], &out), PASS);
		assert_int_equal(out.kind, WG_NOTHING);
	}
	assert_int_equal(receive(1, first.message, first.len, &out), PASS);
	assert_int_equal(receive(0, out.message, out.len, &first), PASS);
}

static void a_retransmission_follows_a_peer_that_moved(void **state)
{
	const struct endpoint elsewhere = pair_endpoint(0x0a0000ff, 999);
	struct wg_output out;

	(void)state;
	initiate(&out);
	wg_handshaker_set_endpoint(p.side[0].h, p.side[0].peer, &elsewhere, &p.side[0].at.addr);
	p.now += 6 * NS_PER_S;
	wg_handshaker_on_deadline(p.side[0].h, p.now, pair_wall(&p), &out);
	assert_true(endpoint_equal(&out.to, &elsewhere));
}

static void a_retransmission_goes_where_the_peer_has_just_initiated_from(void **state)
{
	const struct endpoint elsewhere = pair_endpoint(0x0a0000ff, 999);
	struct side *s = &p.side[1];
	struct wg_output first, out;

	(void)state;
	initiate(&first);
	wg_handshaker_initiate(s->h, s->peer, &p.side[0].at, &s->at.addr, p.now, pair_wall(&p),
			       &first);
	s->at = elsewhere;
	assert_int_equal(receive(0, first.message, first.len, &out), PASS);
	assert_true(endpoint_equal(&out.to, &elsewhere));
	p.now += 6 * NS_PER_S;
	wg_handshaker_on_deadline(p.side[0].h, p.now, pair_wall(&p), &out);
	assert_int_equal(out.len, WG_INITIATION_LEN);
	assert_true(endpoint_equal(&out.to, &elsewhere));
}

static void a_full_table_serves_every_peer(void **state)
{
	enum { N = 600 };
	static uint8_t private_keys[N][WG_KEY_LEN];
	struct rng rng = rng_seeded(5);
	struct wg_handshaker *h;
	struct side *s = &p.side[0];

	(void)state;
	assert_int_equal(wg_handshaker_new(s->private_key, N, &rng, &h), 0);
	for (uint32_t i = 0; i < N; i++) {
		uint8_t public_key[WG_KEY_LEN];

		wg_private_key(&rng, private_keys[i]);
		wg_public_key(public_key, private_keys[i]);
		assert_int_equal(wg_handshaker_peer_set(h, i, public_key, psk), 0);
	}
	for (uint32_t i = 0; i < N; i += 7) {
		struct wg_handshaker *client;
		struct wg_output first, second, last;

		assert_int_equal(wg_handshaker_new(private_keys[i], 1, &rng, &client), 0);
		assert_int_equal(wg_handshaker_peer_set(client, 0, s->public_key, psk), 0);
		wg_handshaker_initiate(client, 0, &s->at, &s->at.addr, p.now, pair_wall(&p),
				       &first);
		assert_int_equal(wg_handshaker_receive(h, first.message, first.len, &s->at,
						       &s->at.addr, false, p.now, &second),
				 PASS);
		assert_int_equal(second.peer, i);
		assert_int_equal(second.keys.local_index % WG_SLOTS, i % WG_SLOTS);
		assert_int_equal(wg_handshaker_receive(client, second.message, second.len, &s->at,
						       &s->at.addr, false, p.now, &last),
				 PASS);
		wg_handshaker_free(client);
	}
	wg_handshaker_free(h);
}

/* By UDP there was no answer: the same peer is asked by a stream, and the first attempt is void. */
static void another_way_does_not_wait_and_takes_the_place_of_the_first(void **state)
{
	struct endpoint stream = { .addr = addr_ip4(0x0a000002), .port = 443, .stream = 1 };
	struct wg_output first, second, answer, last;
	struct side *s = &p.side[0];

	(void)state;
	initiate(&first);
	p.now += 3 * NS_PER_S;
	wg_handshaker_initiate_now(s->h, s->peer, &stream, &s->at.addr, p.now, pair_wall(&p),
				   &second);
	assert_int_equal(second.kind, WG_SEND);
	assert_true(endpoint_equal(&second.to, &stream));
	assert_int_equal(receive(1, first.message, first.len, &answer), PASS);
	assert_int_equal(receive(0, answer.message, answer.len, &last), DROP_WG_INDEX);
	p.now += NS_PER_S;
	assert_int_equal(receive(1, second.message, second.len, &answer), PASS);
	assert_int_equal(receive(0, answer.message, answer.len, &last), PASS);
	assert_int_equal(last.kind, WG_SESSION);
	wg_handshaker_initiate_now(s->h, 77, &stream, &s->at.addr, p.now, 0, &last);
	assert_int_equal(last.kind, WG_NOTHING);
}

static void another_way_does_not_prolong_the_attempt(void **state)
{
	struct side *s = &p.side[0];
	uint64_t began = p.now;
	struct wg_output out;

	(void)state;
	initiate(&out);
	do {
		p.now = wg_handshaker_next_deadline(s->h);
		wg_handshaker_on_deadline(s->h, p.now, pair_wall(&p), &out);
		if (out.kind == WG_SEND)
			wg_handshaker_initiate_now(s->h, s->peer, &s->at, &s->at.addr, p.now + 1,
						   pair_wall(&p), &out);
	} while (out.kind != WG_HANDSHAKE_FAILED);
	assert_in_range(p.now - began, REKEY_ATTEMPT_TIME, REKEY_ATTEMPT_TIME + NS_PER_S);
}

static void what_is_cancelled_is_neither_repeated_nor_answered(void **state)
{
	struct wg_output first, answer, last;

	(void)state;
	initiate(&first);
	wg_handshaker_cancel(p.side[0].h, p.side[0].peer);
	wg_handshaker_cancel(p.side[0].h, 77);
	wg_handshaker_on_deadline(p.side[0].h, p.now + 10 * NS_PER_S, pair_wall(&p), &last);
	assert_int_equal(last.kind, WG_NOTHING);
	assert_int_equal(receive(1, first.message, first.len, &answer), PASS);
	assert_int_equal(receive(0, answer.message, answer.len, &last), DROP_WG_INDEX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(another_way_does_not_wait_and_takes_the_place_of_the_first),
		TEST(another_way_does_not_prolong_the_attempt),
		TEST(what_is_cancelled_is_neither_repeated_nor_answered),
		TEST(both_sides_get_the_same_keys_the_other_way_round),
		TEST(an_unanswered_initiation_is_retried_every_5_s_and_given_up_after_90),
		TEST(only_one_handshake_is_under_way_and_5_s_lie_between_two),
		TEST(a_lost_response_is_made_up_for),
		TEST(a_replayed_initiation_is_refused),
		TEST(an_older_initiation_is_refused),
		TEST(stamps_grow_though_the_clock_is_set_back),
		TEST(initiations_of_a_peer_within_20_ms_are_refused),
		TEST(a_replayed_or_foreign_response_is_refused),
		TEST(a_response_under_another_index_of_the_peer_is_refused),
		TEST(a_stranger_is_refused),
		TEST(keys_that_cannot_be_a_peers_are_refused),
		TEST(another_pre_shared_key_takes_effect),
		TEST(simultaneous_initiations_converge),
		TEST(under_load_a_cookie_must_be_earned_first),
		TEST(a_response_too_must_earn_its_cookie),
		TEST(under_load_a_source_is_limited_though_it_has_a_cookie),
		TEST(random_noise_has_no_effect),
		TEST(a_retransmission_follows_a_peer_that_moved),
		TEST(a_retransmission_goes_where_the_peer_has_just_initiated_from),
		TEST(a_full_table_serves_every_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
