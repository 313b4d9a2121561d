/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/wire.h"
#include "wireguard/tunnel.h"
#include "wireguard_pair.h"

#define BATCH 200

static const uint8_t no_psk[WG_KEY_LEN];
static struct pair p;
static uint8_t messages[BATCH][256];
static struct wg_tx tx[BATCH];
static struct wg_rx rx[BATCH];

static int setup(void **state)
{
	(void)state;
	pair_start(&p, no_psk);
	pair_connect(&p);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pair_end(&p);
	return 0;
}

/* Seals @n packets of side 0, the i-th with @n bytes value i, and readies them to be opened. */
static void seal_batch(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		tx[i] = (struct wg_tx){ .message = messages[i], .plain_len = (uint32_t)i };
		memset(messages[i] + WG_DATA_HEADER_LEN, (int)i, i);
	}
	assert_int_equal(wg_tunnel_seal(p.side[0].t, p.side[0].peer, tx, n, PAIR_MTU, p.now), PASS);
	for (size_t i = 0; i < n; i++)
		rx[i] = (struct wg_rx){ .data = messages[i],
					.len = tx[i].len,
					.from = &p.side[0].at,
					.to = &p.side[1].at.addr };
}

static void a_long_batch_is_opened_in_place(void **state)
{
	(void)state;
	seal_batch(BATCH);
	wg_tunnel_open(p.side[1].t, rx, BATCH, p.now);
	for (uint32_t i = 0; i < BATCH; i++) {
		assert_int_equal(rx[i].verdict, PASS);
		assert_int_equal(rx[i].peer, p.side[1].peer);
		assert_int_equal(rx[i].len, (i + 15) / 16 * 16);
		assert_ptr_equal(rx[i].data, messages[i] + WG_DATA_HEADER_LEN);
		for (uint32_t k = 0; k < rx[i].len; k++)
			assert_int_equal(rx[i].data[k], k < i ? i : 0);
	}
}

static void each_message_of_a_bad_batch_gets_its_own_verdict(void **state)
{
	uint8_t copy[256];

	(void)state;
	seal_batch(8);
	memcpy(copy, messages[2], sizeof(copy));
	rx[0].len = 31;     /* too short */
	messages[1][0] = 9; /* no such type */
	rx[3].data = copy;  /* number 2 once more, in the same batch */
	rx[3].len = rx[2].len;
	messages[4][20] ^= 1;             /* forged */
	messages[5][5] ^= 0x55;           /* somebody else's index */
	memset(messages[6] + 8, 0xff, 8); /* a counter that may not be */
	wg_tunnel_open(p.side[1].t, rx, 8, p.now);
	assert_int_equal(rx[0].verdict, DROP_WG_MALFORMED);
	assert_int_equal(rx[1].verdict, DROP_WG_MALFORMED);
	assert_int_equal(rx[2].verdict, PASS);
	assert_int_equal(rx[3].verdict, DROP_WG_REPLAY);
	assert_int_equal(rx[4].verdict, DROP_WG_DECRYPT);
	assert_int_equal(rx[5].verdict, DROP_WG_INDEX);
	assert_int_equal(rx[5].peer, WG_NO_PEER);
	assert_int_equal(rx[6].verdict, DROP_WG_EXPIRED);
	assert_int_equal(rx[7].verdict, PASS);
}

static void a_replayed_message_is_refused(void **state)
{
	struct datagram d;

	(void)state;
	assert_int_equal(pair_seal(&p, 0, 64), PASS);
	d = p.last;
	pair_settle(&p);
	assert_int_equal(p.side[1].verdict, PASS);
	pair_receive(&p, &d);
	assert_int_equal(p.side[1].verdict, DROP_WG_REPLAY);
	assert_int_equal(p.side[1].n_data, 2);
}

static void a_replay_is_refused_before_it_costs_a_decryption(void **state)
{
	uint8_t before[256];

	(void)state;
	seal_batch(2);
	memcpy(before, messages[1], sizeof(before));
	wg_tunnel_open(p.side[1].t, &rx[1], 1, p.now);
	assert_int_equal(rx[1].verdict, PASS);
	memcpy(messages[1], before, sizeof(before));
	rx[1].data = messages[1];
	rx[1].len = tx[1].len;
	wg_tunnel_open(p.side[1].t, &rx[1], 1, p.now);
	assert_int_equal(rx[1].verdict, DROP_WG_REPLAY);
	assert_memory_equal(messages[1], before, sizeof(before));
}

static void a_forged_message_changes_nothing(void **state)
{
	struct addr from;
	struct datagram d;
	struct wg_event event;
	uint64_t received;

	(void)state;
	p.cut[1] = true;
	assert_int_equal(pair_seal(&p, 0, 64), PASS);
	d = p.last;
	p.now += NS_PER_S;
	received = counter_get(&wg_tunnel_stats(p.side[1].t, p.side[1].peer)->last_received);
	d.from = pair_endpoint(0x0a0000ff, 666);
	for (uint32_t i = 8; i < d.len; i++) {
		d.bytes[i] ^= 1;
		pair_receive(&p, &d);
		assert_int_not_equal(p.side[1].verdict, PASS);
		d.bytes[i] ^= 1;
	}
	assert_true(endpoint_equal(wg_tunnel_endpoint(p.side[1].t, p.side[1].peer, &from),
				   &p.side[0].at));
	assert_false(wg_tunnel_next_event(p.side[1].t, &event));
	assert_int_equal(counter_get(&wg_tunnel_stats(p.side[1].t, p.side[1].peer)->last_received),
			 received);
	d.from = p.side[0].at;
	pair_receive(&p, &d); /* and the genuine one is still welcome */
	assert_int_equal(p.side[1].verdict, PASS);
}

static void a_genuine_message_from_elsewhere_moves_the_endpoint_once(void **state)
{
	struct wg_event event;
	struct addr from;

	(void)state;
	p.side[0].at = pair_endpoint(0x0a000099, 1234);
	for (int i = 0; i < 2; i++) {
		struct datagram d;

		assert_int_equal(pair_seal(&p, 0, 64), PASS);
		p.n_wire = 0;
		d = p.last;
		pair_receive(&p, &d);
		assert_int_equal(wg_tunnel_next_event(p.side[1].t, &event), i == 0);
		if (i == 0)
			assert_int_equal(event.kinds, WG_EVENT_ENDPOINT);
	}
	assert_true(endpoint_equal(wg_tunnel_endpoint(p.side[1].t, p.side[1].peer, &from),
				   &p.side[0].at));
	assert_int_equal(pair_seal(&p, 1, 64), PASS);
}

/* One message from @at.  Return: whether it was told as roaming. */
static bool told_of_moving_to(const struct endpoint *at)
{
	struct wg_event event;
	struct addr from;
	struct datagram d;

	p.side[0].at = *at;
	assert_int_equal(pair_seal(&p, 0, 64), PASS);
	p.n_wire = 0;
	d = p.last;
	pair_receive(&p, &d);
	assert_true(endpoint_equal(wg_tunnel_endpoint(p.side[1].t, p.side[1].peer, &from), at));
	return wg_tunnel_next_event(p.side[1].t, &event);
}

static void streams_of_one_address_are_one_place(void **state)
{
	struct endpoint at = pair_endpoint(0x0a000099, 1234);

	(void)state;
	at.stream = 1025;
	assert_true(told_of_moving_to(&at));
	at.port++;
	at.stream++;
	assert_false(told_of_moving_to(&at));
	at.addr = addr_ip4(0x0a00009a);
	at.stream++;
	assert_true(told_of_moving_to(&at));
	at.stream = 0;
	assert_true(told_of_moving_to(&at));
	at.port++;
	assert_true(told_of_moving_to(&at));
}

static void a_late_message_of_the_previous_session_is_still_received(void **state)
{
	struct datagram d;

	(void)state;
	p.cut[1] = true;
	assert_int_equal(pair_seal(&p, 0, 64), PASS);
	d = p.last;
	p.cut[1] = false;
	p.now += 120 * NS_PER_S;
	assert_int_equal(pair_seal(&p, 0, 64), PASS);
	pair_settle(&p);
	assert_int_equal(p.side[1].n_sessions, 2);
	pair_receive(&p, &d);
	assert_int_equal(p.side[1].verdict, PASS);
}

static void a_counter_far_ahead_that_is_forged_does_not_move_the_window(void **state)
{
	struct datagram d;

	(void)state;
	assert_int_equal(pair_seal(&p, 0, 64), PASS);
	p.n_wire = 0;
	d = p.last;
	store_le64(d.bytes + 8, 1 << 20);
	pair_receive(&p, &d);
	assert_int_equal(p.side[1].verdict, DROP_WG_DECRYPT);
	pair_receive(&p, &p.last);
	assert_int_equal(p.side[1].verdict, PASS);
}

static void sessions_of_many_peers_may_be_mixed(void **state)
{
	struct wg_rx mixed[2];
	uint8_t back[256] = { 0 };
	struct wg_tx one = { .message = back, .plain_len = 5 };

	(void)state;
	/* Side 1's tunnel gets a second peer, whose session is our own reply direction. */
	wg_tunnel_peer_add(p.side[1].t, 9, 0, p.now);
	p.side[0].keys.peer = 9;
	assert_int_equal(wg_tunnel_install(p.side[1].t, &p.side[0].keys, p.now), 0);
	assert_int_equal(wg_tunnel_seal(p.side[1].t, p.side[1].peer, &one, 1, PAIR_MTU, p.now),
			 PASS);
	seal_batch(1);
	mixed[0] = rx[0];
	mixed[1] = (struct wg_rx){
		.data = back, .len = one.len, .from = &p.side[1].at, .to = &p.side[1].at.addr
	};
	wg_tunnel_open(p.side[1].t, mixed, 2, p.now);
	assert_int_equal(mixed[0].verdict, PASS);
	assert_int_equal(mixed[0].peer, p.side[1].peer);
	assert_int_equal(mixed[1].verdict, PASS);
	assert_int_equal(mixed[1].peer, 9);
}

static void random_noise_has_no_effect(void **state)
{
	struct rng rng = rng_seeded(13);

	(void)state;
	for (int i = 0; i < 50000; i++) {
		struct datagram d = { .to = 1, .from = pair_endpoint(5, 5) };

		d.len = rng_below(&rng, 200);
		rng_fill(&rng, d.bytes, d.len);
		memset(d.bytes, 0, 4);
		d.bytes[0] = WG_DATA;
		if (i % 2)
			memcpy(d.bytes + 4, p.last_data.bytes + 4, 4);
		if (d.len < WG_DATA_OVERHEAD)
			d.bytes[0] = 0;
		pair_receive(&p, &d);
		assert_int_not_equal(p.side[1].verdict, PASS);
	}
	assert_int_equal(pair_seal(&p, 0, 64), PASS);
	pair_settle(&p);
	assert_int_equal(p.side[1].verdict, PASS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_long_batch_is_opened_in_place),
		TEST(each_message_of_a_bad_batch_gets_its_own_verdict),
		TEST(a_replayed_message_is_refused),
		TEST(a_replay_is_refused_before_it_costs_a_decryption),
		TEST(a_forged_message_changes_nothing),
		TEST(a_genuine_message_from_elsewhere_moves_the_endpoint_once),
		TEST(streams_of_one_address_are_one_place),
		TEST(a_late_message_of_the_previous_session_is_still_received),
		TEST(a_counter_far_ahead_that_is_forged_does_not_move_the_window),
		TEST(sessions_of_many_peers_may_be_mixed),
		TEST(random_noise_has_no_effect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
