/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/staging.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

#define PEERS      40u
#define PACKET_MAX 100u

static struct staging *fresh(void)
{
	struct staging *s;

	assert_int_equal(staging_new(PEERS, PACKET_MAX, &s), 0);
	return s;
}

static void packets_come_out_in_order_and_whole(void **state)
{
	struct staging *s = fresh();
	size_t len;

	(void)state;
	assert_true(staging_empty(s, 3));
	assert_null(staging_take(s, 3, &len));
	assert_int_equal(staging_put(s, 3, 0, (const uint8_t *)"one", 3), STAGING_KEPT);
	assert_int_equal(staging_put(s, 3, 0, (const uint8_t *)"three", 5), STAGING_KEPT);
	assert_false(staging_empty(s, 3));
	assert_true(staging_empty(s, 4));
	assert_memory_equal(staging_take(s, 3, &len), "one", 3);
	assert_int_equal(len, 3);
	assert_memory_equal(staging_take(s, 3, &len), "three", 5);
	assert_int_equal(len, 5);
	assert_true(staging_empty(s, 3));
	staging_free(s);
}

static void a_packet_keeps_its_lane(void **state)
{
	struct staging *s = fresh();
	unsigned int lane = 7;
	size_t len;

	(void)state;
	assert_int_equal(staging_first(s, 3, &lane), 0);
	assert_int_equal(staging_put(s, 3, 2, (const uint8_t *)"one", 3), STAGING_KEPT);
	assert_int_equal(staging_put(s, 3, 1, (const uint8_t *)"three", 5), STAGING_KEPT);
	assert_int_equal(staging_first(s, 3, &lane), 3);
	assert_int_equal(lane, 2);
	staging_take(s, 3, &len);
	assert_int_equal(staging_first(s, 3, &lane), 5);
	assert_int_equal(lane, 1);
	staging_free(s);
}

static void a_packet_that_is_too_long_is_refused(void **state)
{
	struct staging *s = fresh();
	uint8_t packet[PACKET_MAX + 1] = { 0 };

	(void)state;
	assert_int_equal(staging_put(s, 0, 0, packet, PACKET_MAX), STAGING_KEPT);
	assert_int_equal(staging_put(s, 0, 0, packet, PACKET_MAX + 1), STAGING_REFUSED);
	staging_free(s);
}

static void the_oldest_of_a_peer_makes_room_and_the_newest_of_a_worker_is_refused(void **state)
{
	struct staging *s = fresh();
	uint32_t kept = 0;
	size_t len;

	(void)state;
	for (uint8_t i = 0; i <= STAGING_PER_PEER; i++)
		assert_int_equal(staging_put(s, 0, 0, &i, 1),
				 i < STAGING_PER_PEER ? STAGING_KEPT : STAGING_KEPT_OLDEST_LOST);
	assert_int_equal(*staging_take(s, 0, &len), 1);
	for (uint32_t i = 0; i < STAGING_PACKETS; i++)
		kept += staging_put(s, 1 + i % (PEERS - 1), 0, (const uint8_t *)"x", 1) ==
			STAGING_KEPT;
	assert_int_equal(kept, STAGING_PACKETS - (STAGING_PER_PEER - 1));
	/* The pool is empty for a peer below its own limit, until one goes. */
	assert_int_equal(staging_put(s, 0, 0, (const uint8_t *)"y", 1), STAGING_REFUSED);
	assert_non_null(staging_take(s, 0, &len));
	assert_int_equal(staging_put(s, 0, 0, (const uint8_t *)"y", 1), STAGING_KEPT);
	staging_free(s);
}

/* The slow obvious version: an array per peer. */
struct model {
	uint32_t n[PEERS];
	uint8_t packet[PEERS][STAGING_PER_PEER];
	uint32_t total;
};

static enum staging_result model_put(struct model *m, uint32_t peer, uint8_t packet)
{
	enum staging_result result = STAGING_KEPT;

	if (m->n[peer] == STAGING_PER_PEER) {
		memmove(m->packet[peer], m->packet[peer] + 1, --m->n[peer]);
		m->total--;
		result = STAGING_KEPT_OLDEST_LOST;
	}
	if (m->total == STAGING_PACKETS)
		return STAGING_REFUSED;
	m->packet[peer][m->n[peer]++] = packet;
	m->total++;
	return result;
}

static void random_traffic_is_kept_as_arrays_would_keep_it(void **state)
{
	static struct model m;
	struct staging *s = fresh();
	struct rng rng = rng_seeded(7);

	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint32_t peer = rng_below(&rng, PEERS);
		uint8_t packet = (uint8_t)rng_u32(&rng);
		const uint8_t *got;
		size_t len;

		if (rng_below(&rng, 100) < (i / 20000 % 2 ? 30u : 70u)) {
			assert_int_equal(staging_put(s, peer, 0, &packet, 1),
					 model_put(&m, peer, packet));
			continue;
		}
		got = staging_take(s, peer, &len);
		assert_int_equal(got != NULL, m.n[peer] > 0);
		if (!got)
			continue;
		assert_int_equal(*got, m.packet[peer][0]);
		memmove(m.packet[peer], m.packet[peer] + 1, --m.n[peer]);
		m.total--;
	}
	staging_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_come_out_in_order_and_whole),
		cmocka_unit_test(a_packet_keeps_its_lane),
		cmocka_unit_test(a_packet_that_is_too_long_is_refused),
		cmocka_unit_test(
			the_oldest_of_a_peer_makes_room_and_the_newest_of_a_worker_is_refused),
		cmocka_unit_test(random_traffic_is_kept_as_arrays_would_keep_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
