/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/outbox.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

#define PEERS      4u
#define MTU        1420u
#define TRAINS_MAX 8

/* What left: one train each. */
struct train_sent {
	uint32_t peer;
	unsigned int lane;
	uint32_t len;
	uint32_t segment;
	uint8_t tos;
	struct endpoint to;
};

struct rig {
	struct rng rng;
	struct wg_tunnel *tunnel;
	struct wg_tunnel *other; /* the far end of every session */
	struct peer_mtu *mtu;
	struct staging *staging;
	struct path_counters counters;
	struct outbox *o;
	int error; /* of the next send, or OUTBOX_HANDED_ON */
	size_t n;
	struct train_sent sent[TRAINS_MAX];
	uint8_t last[OUTBOX_BYTES]; /* the last train */
};

static int note_send(void *ctx, uint32_t peer, unsigned int lane, const struct udp_tx *tx)
{
	struct rig *r = ctx;

	if (r->error != 0)
		return r->error;
	assert_true(r->n < TRAINS_MAX);
	r->sent[r->n++] = (struct train_sent){ peer, lane, tx->len, tx->segment, tx->tos, *tx->to };
	memcpy(r->last, tx->data, tx->len);
	return 0;
}

static void install(struct rig *r, uint32_t peer)
{
	struct wg_keys keys = { .peer = peer,
				.local_index = 0x100 + peer,
				.remote_index = 0x200 + peer,
				.initiator = true,
				.birth = NS_PER_S };
	struct wg_keys mirror = keys;
	struct wg_event event;

	memset(keys.send_key, 1, WG_KEY_LEN);
	memset(keys.receive_key, 2, WG_KEY_LEN);
	mirror.local_index = keys.remote_index;
	mirror.remote_index = keys.local_index;
	memset(mirror.send_key, 2, WG_KEY_LEN);
	memset(mirror.receive_key, 1, WG_KEY_LEN);
	assert_int_equal(wg_tunnel_install(r->tunnel, &keys, NS_PER_S), 0);
	assert_int_equal(wg_tunnel_install(r->other, &mirror, NS_PER_S), 0);
	while (wg_tunnel_next_event(r->tunnel, &event))
		;
}

static struct rig *rig_new(void)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct outbox_params params;

	assert_non_null(r);
	r->rng = rng_seeded(1);
	assert_int_equal(wg_tunnel_new(PEERS, &r->rng, &r->tunnel), 0);
	assert_int_equal(wg_tunnel_new(PEERS, &r->rng, &r->other), 0);
	assert_int_equal(peer_mtu_new(PEERS, OUTBOX_PLAIN, &r->mtu), 0);
	assert_int_equal(staging_new(PEERS, OUTBOX_PLAIN, &r->staging), 0);
	params = (struct outbox_params){ .tunnel = r->tunnel,
					 .mtu = r->mtu,
					 .staging = r->staging,
					 .counters = &r->counters,
					 .send = { note_send, r } };
	assert_int_equal(outbox_new(&params, &r->o), 0);
	for (uint32_t i = 0; i < PEERS; i++) {
		struct endpoint to = { .addr = addr_ip4(0xc0000200 + i), .port = 51820 };

		wg_tunnel_peer_add(r->tunnel, i, 0, NS_PER_S);
		wg_tunnel_peer_add(r->other, i, 0, NS_PER_S);
		wg_tunnel_set_endpoint(r->tunnel, i, &to, &(struct addr){ 0 });
	}
	outbox_set_time(r->o, NS_PER_S);
	return r;
}

static void rig_free(struct rig *r)
{
	outbox_free(r->o);
	staging_free(r->staging);
	peer_mtu_free(r->mtu);
	wg_tunnel_free(r->other);
	wg_tunnel_free(r->tunnel);
	free(r);
}

static void put(struct rig *r, uint32_t peer, unsigned int lane, uint8_t tos, uint32_t len)
{
	memset(outbox_room(r->o, peer, lane, tos, len), (int)len & 0xff, len);
	outbox_add(r->o, len);
}

static uint64_t dropped(const struct rig *r, enum verdict reason)
{
	return counter_get(&r->counters.drops[reason]);
}

/* Opens the last train; each packet is as put() has written it.  Return: how many there are. */
static size_t open_last(struct rig *r)
{
	const struct train_sent *t = &r->sent[r->n - 1];
	struct endpoint from = { .addr = addr_ip4(1), .port = 1 };
	struct addr to = addr_ip4(2);
	size_t n = 0;

	for (uint32_t at = 0; at < t->len; at += t->segment) {
		uint32_t rest = t->len - at;
		struct wg_rx rx = { .data = r->last + at,
				    .len = rest < t->segment ? rest : t->segment,
				    .from = &from,
				    .to = &to };

		wg_tunnel_open(r->other, &rx, 1, NS_PER_S);
		assert_int_equal(rx.verdict, PASS);
		n++;
	}
	return n;
}

static void packets_of_one_length_leave_as_one_train(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	install(r, 0);
	for (int i = 0; i < 5; i++)
		put(r, 0, 0, 0, 1400);
	assert_int_equal(r->n, 0);
	put(r, 0, 0, 0, 100); /* a shorter one ends it */
	assert_int_equal(r->n, 1);
	assert_int_equal(r->sent[0].segment, 1408 + WG_DATA_OVERHEAD);
	assert_int_equal(r->sent[0].len, 5 * (1408 + 32) + 112 + 32);
	assert_int_equal(open_last(r), 6);
	assert_int_equal(counter_get(&r->counters.out_tunnel), 6);
	outbox_flush(r->o);
	assert_int_equal(r->n, 1);
	rig_free(r);
}

static void a_longer_packet_begins_another_train(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	install(r, 0);
	put(r, 0, 0, 0, 100);
	put(r, 0, 0, 0, 1400);
	assert_int_equal(r->n, 1);
	outbox_flush(r->o);
	assert_int_equal(r->n, 2);
	assert_int_equal(r->sent[1].len, 1408 + 32);
	assert_int_equal(open_last(r), 1);
	rig_free(r);
}

static void peer_lane_and_congestion_mark_part_trains(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	install(r, 0);
	install(r, 1);
	put(r, 0, 0, 0, 100);
	put(r, 0, 1, 0, 100);
	put(r, 0, 1, 2, 100);
	put(r, 1, 1, 2, 100);
	outbox_flush(r->o);
	assert_int_equal(r->n, 4);
	assert_int_equal(r->sent[0].lane, 0);
	assert_int_equal(r->sent[1].lane, 1);
	assert_int_equal(r->sent[1].tos, 0);
	assert_int_equal(r->sent[2].tos, 2);
	assert_int_equal(r->sent[2].peer, 0);
	assert_int_equal(r->sent[3].peer, 1);
	rig_free(r);
}

static void no_train_exceeds_what_a_datagram_holds(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	install(r, 0);
	for (int i = 0; i < 3; i++)
		put(r, 0, 0, 0, 34736);
	put(r, 0, 0, 0, OUTBOX_PLAIN);
	outbox_flush(r->o);
	assert_int_equal(r->n, 4);
	assert_int_equal(open_last(r), 1);
	for (size_t i = 0; i < r->n; i++)
		assert_true(r->sent[i].len <= 65507);
	rig_free(r);
}

static void without_a_session_packets_wait_in_their_lanes(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	put(r, 0, 2, 0, 1000);
	put(r, 0, 2, 0, 1000);
	put(r, 0, 3, 0, 30000);
	outbox_keepalive(r->o, 0, 0); /* waits for nothing */
	assert_true(outbox_waits(r->o, 0));
	assert_int_equal(counter_get(&r->counters.waiting), 3);
	assert_int_equal(dropped(r, DROP_WG_NO_SESSION), 1);
	install(r, 0);
	outbox_staged(r->o, 0);
	assert_false(outbox_waits(r->o, 0));
	assert_int_equal(counter_get(&r->counters.waiting), 0);
	assert_int_equal(r->n, 2);
	assert_int_equal(r->sent[0].lane, 2);
	assert_int_equal(r->sent[0].len, 2 * (1008 + 32));
	assert_int_equal(r->sent[1].lane, 3);
	assert_int_equal(counter_get(&r->counters.out_tunnel), 3);
	rig_free(r);
}

static void what_waits_can_be_given_up(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	put(r, 0, 0, 0, 1000);
	put(r, 1, 0, 0, 1000);
	outbox_flush(r->o);
	outbox_staged(r->o, 0); /* in vain: it goes on waiting */
	assert_int_equal(counter_get(&r->counters.waiting), 2);
	outbox_purge(r->o, 0, DROP_ROUTE_NO_PEER);
	assert_int_equal(dropped(r, DROP_ROUTE_NO_PEER), 1);
	assert_int_equal(counter_get(&r->counters.waiting), 1);
	assert_true(outbox_waits(r->o, 1));
	rig_free(r);
}

static void a_failed_send_is_counted_by_its_transport(void **state)
{
	struct rig *r = rig_new();
	struct endpoint stream = { .addr = addr_ip4(5), .port = 443, .stream = 1 };

	(void)state;
	install(r, 0);
	r->error = -ENETUNREACH;
	put(r, 0, 0, 0, 100);
	outbox_flush(r->o);
	assert_int_equal(dropped(r, DROP_WG_SEND), 1);
	wg_tunnel_set_endpoint(r->tunnel, 0, &stream, &(struct addr){ 0 });
	put(r, 0, 0, 0, 100);
	outbox_flush(r->o);
	assert_int_equal(dropped(r, DROP_STREAM_STALE), 1);
	r->error = -ENOBUFS;
	put(r, 0, 0, 0, 100);
	outbox_flush(r->o);
	assert_int_equal(dropped(r, DROP_NO_MEMORY), 1);
	wg_tunnel_set_endpoint(r->tunnel, 0, &(struct endpoint){ 0 }, &(struct addr){ 0 });
	put(r, 0, 0, 0, 100);
	outbox_flush(r->o);
	assert_int_equal(dropped(r, DROP_WG_NO_ENDPOINT), 1);
	assert_int_equal(counter_get(&r->counters.out_tunnel), 0);
	rig_free(r);
}

static void what_is_handed_on_is_counted_elsewhere(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	install(r, 0);
	r->error = OUTBOX_HANDED_ON;
	put(r, 0, 0, 0, 100);
	outbox_flush(r->o);
	assert_int_equal(counter_get(&r->counters.out_tunnel), 0);
	assert_int_equal(dropped(r, DROP_WG_SEND), 0);
	rig_free(r);
}

static void a_path_that_is_too_narrow_is_learnt(void **state)
{
	struct rig *r = rig_new();
	struct endpoint to = { .addr = addr_ip4(0x7f000001), .port = 9 };

	(void)state;
	install(r, 0);
	wg_tunnel_set_endpoint(r->tunnel, 0, &to, &(struct addr){ 0 });
	r->error = -EMSGSIZE;
	put(r, 0, 0, 0, OUTBOX_PLAIN);
	outbox_flush(r->o);
	/* The loopback's own, 65,536 bytes, is wider than any tunnel; a host may have set less. */
	assert_true(peer_mtu_get(r->mtu, 0, NS_PER_S) <= OUTBOX_PLAIN);
	assert_int_equal(peer_mtu_get(r->mtu, 1, NS_PER_S), OUTBOX_PLAIN);
	rig_free(r);
}

static void room_that_is_not_used_sends_nothing(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	install(r, 0);
	(void)outbox_room(r->o, 0, 0, 0, 100);
	(void)outbox_room(r->o, 1, 0, 0, 100);
	outbox_flush(r->o);
	assert_int_equal(r->n, 0);
	outbox_keepalive(r->o, 0, 1);
	assert_int_equal(r->n, 1);
	assert_int_equal(r->sent[0].lane, 1);
	assert_int_equal(r->sent[0].len, WG_DATA_OVERHEAD);
	assert_int_equal(counter_get(&r->counters.generated), 1);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_of_one_length_leave_as_one_train),
		cmocka_unit_test(a_longer_packet_begins_another_train),
		cmocka_unit_test(peer_lane_and_congestion_mark_part_trains),
		cmocka_unit_test(no_train_exceeds_what_a_datagram_holds),
		cmocka_unit_test(without_a_session_packets_wait_in_their_lanes),
		cmocka_unit_test(what_waits_can_be_given_up),
		cmocka_unit_test(a_failed_send_is_counted_by_its_transport),
		cmocka_unit_test(what_is_handed_on_is_counted_elsewhere),
		cmocka_unit_test(a_path_that_is_too_narrow_is_learnt),
		cmocka_unit_test(room_that_is_not_used_sends_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
