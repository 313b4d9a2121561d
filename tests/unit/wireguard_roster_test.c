/* SPDX-License-Identifier: BSD-2-Clause */
#include "wireguard/roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define PEERS 40

static struct rng rng;
static struct roster *roster;

static int setup(void **state)
{
	(void)state;
	rng = rng_seeded(8);
	return wg_roster_new(PEERS, &rng, &roster);
}

static int teardown(void **state)
{
	(void)state;
	roster = wg_roster_free(roster);
	return 0;
}

static void key_of(uint32_t n, uint8_t key[static WG_KEY_LEN])
{
	memset(key, 0, WG_KEY_LEN);
	memcpy(key, &n, sizeof(n));
}

/* A full table with peers coming and going, against an array of key numbers. */
static void peers_are_found_by_key_while_they_are_there(void **state)
{
	uint32_t has[PEERS] = { 0 }; /* key number of each peer, 0: not present */
	uint8_t key[WG_KEY_LEN];
	uint32_t fresh = 1;

	(void)state;
	for (int step = 0; step < 20000; step++) {
		uint32_t peer = rng_below(&rng, PEERS);

		if (has[peer]) {
			wg_roster_remove(roster, peer);
			key_of(has[peer], key);
			assert_int_equal(wg_roster_find_key(roster, key), WG_NO_PEER);
			has[peer] = 0;
		}
		if (rng_below(&rng, 4) != 0) {
			has[peer] = fresh++;
			key_of(has[peer], key);
			assert_non_null(wg_roster_add(roster, peer, key));
		}
		for (uint32_t i = rng_below(&rng, 8); i < PEERS; i += 5) {
			key_of(has[i], key);
			assert_int_equal(wg_roster_find_key(roster, key), has[i] ? i : WG_NO_PEER);
			assert_int_equal(wg_roster_peer(roster, i) != NULL, has[i] != 0);
		}
	}
}

static void an_index_carries_the_slot_in_its_first_byte(void **state)
{
	uint8_t key[WG_KEY_LEN];

	(void)state;
	key_of(1, key);
	wg_roster_add(roster, 33, key);
	for (int i = 0; i < 100; i++)
		assert_int_equal(wg_roster_new_index(roster, 33) & 0xff, 33);
}

static void the_last_four_indices_stay_known(void **state)
{
	uint32_t index[20];
	uint8_t key[WG_KEY_LEN];

	(void)state;
	key_of(1, key);
	wg_roster_add(roster, 5, key);
	for (int i = 0; i < 20; i++) {
		index[i] = wg_roster_new_index(roster, 5);
		for (int k = 0; k <= i; k++)
			assert_int_equal(wg_roster_find_index(roster, index[k]),
					 k > i - ROSTER_INDICES ? 5 : WG_NO_PEER);
	}
	wg_roster_remove(roster, 5);
	for (int k = 0; k < 20; k++)
		assert_int_equal(wg_roster_find_index(roster, index[k]), WG_NO_PEER);
}

static void a_retransmission_costs_no_other_index_its_place(void **state)
{
	uint32_t keep, pending;
	uint8_t key[WG_KEY_LEN];

	(void)state;
	key_of(1, key);
	wg_roster_add(roster, 5, key);
	keep = wg_roster_new_index(roster, 5);
	pending = wg_roster_new_index(roster, 5);
	for (int i = 0; i < 20; i++) {
		uint32_t again = wg_roster_replace_index(roster, 5, pending);

		assert_int_equal(wg_roster_find_index(roster, pending), WG_NO_PEER);
		assert_int_equal(wg_roster_find_index(roster, again), 5);
		pending = again;
	}
	assert_int_equal(wg_roster_find_index(roster, keep), 5);
}

static void all_indices_of_a_full_roster_are_different(void **state)
{
	uint8_t key[WG_KEY_LEN];

	(void)state;
	for (uint32_t peer = 0; peer < PEERS; peer++) {
		key_of(peer + 1, key);
		wg_roster_add(roster, peer, key);
		for (int i = 0; i < 10; i++)
			(void)wg_roster_new_index(roster, peer);
	}
	for (uint32_t peer = 0; peer < PEERS; peer++) {
		const struct hs_peer *p = wg_roster_peer(roster, peer);

		assert_int_equal(p->n_indices, ROSTER_INDICES);
		for (int i = 0; i < ROSTER_INDICES; i++)
			assert_int_equal(wg_roster_find_index(roster, p->indices[i]), peer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(peers_are_found_by_key_while_they_are_there, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_index_carries_the_slot_in_its_first_byte, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_last_four_indices_stay_known, setup, teardown),
		cmocka_unit_test_setup_teardown(a_retransmission_costs_no_other_index_its_place,
						setup, teardown),
		cmocka_unit_test_setup_teardown(all_indices_of_a_full_roster_are_different, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
