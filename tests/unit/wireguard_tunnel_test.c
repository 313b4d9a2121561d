/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "wireguard/tunnel.h"
#include "wireguard_pair.h"

static const uint8_t no_psk[WG_KEY_LEN];
static const uint8_t psk[WG_KEY_LEN] = { 1, 2, 3 };
static struct pair p;

static int setup(void **state)
{
	(void)state;
	pair_start(&p, no_psk);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pair_end(&p);
	return 0;
}

static const struct wg_peer_stats *stats(int i)
{
	return wg_tunnel_stats(p.side[i].t, p.side[i].peer);
}

static void a_packet_makes_a_session_and_arrives(void **state)
{
	const uint8_t *const psks[] = { no_psk, psk };

	(void)state;
	for (int i = 0; i < 2; i++) {
		pair_start(&p, psks[i]);
		assert_int_equal(pair_seal(&p, 0, 100), DROP_WG_NO_SESSION);
		pair_settle(&p);
		assert_int_equal(p.side[1].n_data, 1);
		assert_int_equal(p.side[0].n_ready, 1);
		assert_int_equal(p.side[1].n_ready, 1);
		assert_int_equal(pair_seal(&p, 1, 1400), PASS);
		pair_settle(&p);
		assert_int_equal(p.side[0].n_data, 1);
		assert_int_equal(p.side[0].n_initiations + p.side[1].n_initiations, 1);
		pair_end(&p);
	}
}

static void an_initiator_with_nothing_to_say_confirms_by_a_keepalive(void **state)
{
	(void)state;
	wg_tunnel_peer_add(p.side[0].t, p.side[0].peer, 25, p.now);
	pair_run(&p, NS_PER_S);
	assert_int_equal(p.side[1].n_ready, 1);
	assert_int_equal(p.side[1].n_data, 0);
	assert_in_range(p.side[1].n_keepalives, 1, 2);
	assert_int_equal(pair_seal(&p, 1, 10), PASS);
}

static void a_responder_does_not_send_before_the_initiator_has(void **state)
{
	struct wg_event event;
	struct wg_output m;
	struct side *s = &p.side[0];

	(void)state;
	wg_handshaker_initiate(s->h, s->peer, &p.side[1].at, &s->at.addr, p.now, pair_wall(&p), &m);
	p.cut[0] = true;
	pair_output(&p, 0, &m);
	pair_settle(&p);
	assert_int_equal(p.side[1].n_sessions, 1);
	assert_int_equal(pair_seal(&p, 1, 10), DROP_WG_NO_SESSION);
	assert_true(wg_tunnel_next_event(p.side[1].t, &event));
	assert_int_equal(event.kinds, WG_EVENT_HANDSHAKE);
	assert_false(wg_tunnel_next_event(p.side[1].t, &event));
}

static void the_initiator_renews_at_120_s_and_no_packet_is_lost(void **state)
{
	(void)state;
	pair_connect(&p);
	for (int second = 1; second <= 400; second++) {
		pair_run(&p, NS_PER_S);
		assert_int_equal(pair_seal(&p, 0, 64), PASS);
		assert_int_equal(pair_seal(&p, 1, 64), PASS);
		pair_settle(&p);
		assert_int_equal(p.side[1].n_data, 1 + second);
		assert_int_equal(p.side[0].n_data, second);
		if (second == 119)
			assert_int_equal(p.side[0].n_initiations, 1);
		if (second == 121)
			assert_int_equal(p.side[0].n_initiations, 2);
	}
	assert_int_equal(p.side[0].n_initiations, 4);
	assert_int_equal(p.side[1].n_initiations, 0);
}

static void an_initiator_that_only_receives_renews_at_165_s(void **state)
{
	struct wg_event event;

	(void)state;
	pair_connect(&p);
	p.now += 165 * NS_PER_S - 1;
	assert_int_equal(pair_seal(&p, 1, 64), PASS);
	pair_receive(&p, &p.last);
	assert_false(wg_tunnel_next_event(p.side[0].t, &event));
	p.now += 1;
	assert_int_equal(pair_seal(&p, 1, 64), PASS);
	pair_receive(&p, &p.last);
	assert_true(wg_tunnel_next_event(p.side[0].t, &event));
	assert_int_equal(event.kinds, WG_EVENT_HANDSHAKE);
	assert_int_equal(pair_seal(&p, 0, 64), PASS);
	p.n_wire = 0;
	pair_receive(&p, &p.last); /* the responder does not */
	assert_false(wg_tunnel_next_event(p.side[1].t, &event));
}

static void after_180_s_nothing_is_sent_or_received_under_a_session(void **state)
{
	struct datagram old;

	(void)state;
	pair_connect(&p);
	p.cut[0] = true;
	assert_int_equal(pair_seal(&p, 1, 64), PASS);
	old = p.last;
	p.cut[0] = false;
	p.now += 179 * NS_PER_S;
	assert_int_equal(pair_seal(&p, 1, 64), PASS);
	p.now += NS_PER_S;
	pair_receive(&p, &old);
	assert_int_equal(p.side[0].verdict, DROP_WG_EXPIRED);
	assert_int_equal(pair_seal(&p, 1, 64), DROP_WG_NO_SESSION);
	pair_settle(&p); /* the responder is who initiates now */
	assert_int_equal(p.side[1].n_initiations, 1);
	assert_int_equal(p.side[0].n_data, 1);
}

static void received_data_is_answered_by_a_keepalive_after_10_s(void **state)
{
	uint64_t start = p.now;

	(void)state;
	pair_connect(&p);
	pair_run(&p, 9999 * NS_PER_MS);
	assert_int_equal(p.side[0].n_keepalives, 0);
	pair_run(&p, NS_PER_MS);
	assert_int_equal(p.side[0].n_keepalives, 1);
	assert_true(p.side[0].last_keepalive == start + 10 * NS_PER_S);
	pair_run(&p, 100 * NS_PER_S); /* keepalives do not answer each other */
	assert_int_equal(p.side[0].n_keepalives + p.side[1].n_keepalives, 1);
	assert_int_equal(p.side[0].n_initiations, 1);
}

static void a_peer_that_fell_silent_is_asked_for_a_handshake_after_15_s(void **state)
{
	(void)state;
	pair_connect(&p);
	pair_run(&p, 20 * NS_PER_S);
	p.cut[1] = true;
	assert_int_equal(pair_seal(&p, 0, 64), PASS);
	pair_run(&p, 14 * NS_PER_S);
	assert_int_equal(p.side[0].n_initiations, 1);
	pair_run(&p, 1400 * NS_PER_MS);
	assert_int_equal(p.side[0].n_initiations, 2);
}

static void persistent_keepalives_keep_a_path_open(void **state)
{
	(void)state;
	wg_tunnel_peer_add(p.side[0].t, p.side[0].peer, 25, p.now);
	pair_run(&p, 1000 * NS_PER_S);
	assert_in_range(p.side[1].n_keepalives, 40, 52);
	p.cut[1] = true; /* and they find a peer again that was gone for long */
	pair_run(&p, 2000 * NS_PER_S);
	p.cut[1] = false;
	pair_run(&p, 30 * NS_PER_S);
	assert_int_equal(p.side[1].verdict, PASS);
	assert_true(p.side[1].last_keepalive > p.now - 30 * NS_PER_S);
}

static void keys_are_wiped_540_s_after_the_last_session(void **state)
{
	static const struct session zero;
	struct tunnel_peer *peer = tunnel_peer(p.side[0].t, p.side[0].peer);

	(void)state;
	pair_connect(&p);
	pair_run(&p, 539 * NS_PER_S);
	assert_non_null(sessions_get(&peer->sessions, peer->sessions.current));
	pair_run(&p, NS_PER_S);
	for (int i = 0; i < SESSIONS; i++)
		assert_memory_equal(&peer->sessions.place[i], &zero, sizeof(zero));
	pair_receive(&p, &p.last_data);
	assert_int_equal(p.side[p.last_data.to].verdict, DROP_WG_INDEX);
}

static void requests_for_a_handshake_do_not_flood(void **state)
{
	struct wg_event event;
	int n = 0;

	(void)state;
	for (int ms = 0; ms < 5000; ms++) {
		assert_int_equal(pair_seal(&p, 0, 64), DROP_WG_NO_SESSION);
		while (wg_tunnel_next_event(p.side[0].t, &event)) {
			assert_int_equal(event.kinds, WG_EVENT_HANDSHAKE);
			n++;
		}
		p.now += NS_PER_MS;
	}
	assert_int_equal(n, 5);
}

static void a_removed_peer_leaves_nothing_behind(void **state)
{
	struct side *s = &p.side[0];
	struct wg_event event;
	struct addr from;

	(void)state;
	pair_connect(&p);
	assert_int_equal(pair_seal(&p, 1, 64), PASS);
	p.now += 121 * NS_PER_S;
	assert_int_equal(pair_seal(&p, 0, 64), PASS); /* an event is pending */
	wg_tunnel_peer_remove(s->t, s->peer);
	assert_false(wg_tunnel_next_event(s->t, &event));
	pair_settle(&p);
	assert_int_equal(s->verdict, DROP_WG_INDEX);
	assert_false(wg_tunnel_next_event(s->t, &event));
	assert_null(wg_tunnel_endpoint(s->t, s->peer, &from));
	assert_int_equal(pair_seal(&p, 0, 64), DROP_WG_NO_SESSION);
	assert_int_equal(wg_tunnel_install(s->t, &s->keys, p.now), -ENOENT);
	wg_tunnel_on_deadline(s->t, p.now + 1000 * NS_PER_S);
	assert_false(wg_tunnel_next_event(s->t, &event));

	wg_tunnel_peer_add(s->t, s->peer, 0, p.now); /* the same number again */
	assert_int_equal(counter_get(&stats(0)->tx_bytes), 0);
	wg_tunnel_set_endpoint(s->t, s->peer, &p.side[1].at, &s->at.addr);
	pair_connect(&p);
	assert_int_equal(p.side[1].verdict, PASS);
}

static void adding_a_peer_again_leaves_its_session_alone(void **state)
{
	(void)state;
	pair_connect(&p);
	wg_tunnel_peer_add(p.side[0].t, p.side[0].peer, 10, p.now);
	assert_int_equal(pair_seal(&p, 0, 64), PASS);
}

static void statistics_count_what_wg_counts(void **state)
{
	uint64_t start = p.now;

	(void)state;
	pair_connect(&p);
	assert_int_equal(counter_get(&stats(0)->tx_bytes), 112 + 32);
	assert_int_equal(counter_get(&stats(1)->rx_bytes), 112 + 32);
	assert_int_equal(counter_get(&stats(0)->rx_bytes), 0);
	assert_int_equal(counter_get(&stats(0)->last_handshake), start);
	assert_int_equal(counter_get(&stats(1)->last_handshake), start);
	assert_int_equal(counter_get(&stats(1)->last_received), start);
	assert_int_equal(counter_get(&stats(0)->last_received), 0);
}

/* Both sides talk and both may initiate: whatever was lost, no state is a dead end. */
static void after_any_losses_both_sides_talk_again_within_20_s(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 60; seed++) {
		int heard[2];

		pair_start(&p, no_psk);
		p.chance = rng_seeded(seed);
		p.loss = 20 + 10 * (uint32_t)(seed % 7);
		for (int second = 0; second < 500 + (int)seed; second++) {
			(void)pair_seal(&p, (int)rng_below(&p.chance, 2), 64);
			pair_run(&p, NS_PER_S);
		}
		p.loss = 0;
		for (int second = 0; second < 20; second++) {
			(void)pair_seal(&p, 0, 64);
			(void)pair_seal(&p, 1, 64);
			pair_run(&p, NS_PER_S);
		}
		for (int i = 0; i < 2; i++)
			heard[i] = p.side[i].n_data;
		for (int second = 0; second < 300; second++) {
			assert_int_equal(pair_seal(&p, 0, 64), PASS);
			assert_int_equal(pair_seal(&p, 1, 64), PASS);
			pair_run(&p, NS_PER_S);
		}
		assert_int_equal(p.side[0].n_data, heard[0] + 300);
		assert_int_equal(p.side[1].n_data, heard[1] + 300);
		pair_end(&p);
	}
}

/* Every peer of a full table with three sessions and an event each. */
static void a_full_table_behaves(void **state)
{
	enum { N = 300 };
	struct rng rng = rng_seeded(1);
	struct wg_event event;
	struct wg_tunnel *t;
	int n = 0;

	(void)state;
	assert_int_equal(wg_tunnel_new(N, &rng, &t), 0);
	for (uint32_t i = 0; i < N; i++)
		wg_tunnel_peer_add(t, i, 0, p.now);
	for (uint32_t k = 0; k < 8; k++) {
		for (uint32_t i = 0; i < N; i++) {
			const struct wg_keys keys = { .peer = i,
						      .local_index =
							      (k * N + i) << 8 | i % WG_SLOTS,
						      .initiator = k % 4 != 3,
						      .birth = p.now };

			assert_int_equal(wg_tunnel_install(t, &keys, p.now), 0);
		}
	}
	while (wg_tunnel_next_event(t, &event)) {
		assert_int_equal(event.kinds, WG_EVENT_READY);
		n++;
	}
	assert_int_equal(n, N);
	wg_tunnel_free(t);
}

static void without_its_sessions_a_peer_keeps_the_rest(void **state)
{
	struct addr from;
	struct side *s = &p.side[0];

	(void)state;
	pair_connect(&p);
	assert_int_equal(pair_seal(&p, 0, 100), PASS);
	wg_tunnel_drop_sessions(s->t, s->peer);
	wg_tunnel_drop_sessions(s->t, s->peer + 1);
	assert_int_equal(pair_seal(&p, 0, 100), DROP_WG_NO_SESSION);
	assert_non_null(wg_tunnel_endpoint(s->t, s->peer, &from));
	assert_true(counter_get(&wg_tunnel_stats(s->t, s->peer)->tx_bytes) > 0);
	pair_run(&p, REKEY_TIMEOUT);
	assert_int_equal(pair_seal(&p, 0, 100), DROP_WG_NO_SESSION); /* asks for another */
	pair_run(&p, NS_PER_S);
	assert_int_equal(pair_seal(&p, 0, 100), PASS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_its_sessions_a_peer_keeps_the_rest),
		cmocka_unit_test(a_packet_makes_a_session_and_arrives),
		TEST(an_initiator_with_nothing_to_say_confirms_by_a_keepalive),
		TEST(a_responder_does_not_send_before_the_initiator_has),
		TEST(the_initiator_renews_at_120_s_and_no_packet_is_lost),
		TEST(an_initiator_that_only_receives_renews_at_165_s),
		TEST(after_180_s_nothing_is_sent_or_received_under_a_session),
		TEST(received_data_is_answered_by_a_keepalive_after_10_s),
		TEST(a_peer_that_fell_silent_is_asked_for_a_handshake_after_15_s),
		TEST(persistent_keepalives_keep_a_path_open),
		TEST(keys_are_wiped_540_s_after_the_last_session),
		TEST(requests_for_a_handshake_do_not_flood),
		TEST(a_removed_peer_leaves_nothing_behind),
		TEST(adding_a_peer_again_leaves_its_session_alone),
		TEST(statistics_count_what_wg_counts),
		cmocka_unit_test(after_any_losses_both_sides_talk_again_within_20_s),
		TEST(a_full_table_behaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
