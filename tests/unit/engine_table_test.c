/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

#define PEERS_MAX 16u
#define KEYS      40u

static struct config config;
static struct uplink uplink;
static struct uplink_host host;

static int setup(void **state)
{
	(void)state;
	prefix_parse("10.66.77.1/24", &config.addresses[0]);
	config.n_addresses = 1;
	return 0;
}

/* Key number @i, and an address that goes with it.  Some share their first bytes. */
static void key_of(uint32_t i, uint8_t key[WG_KEY_LEN])
{
	memset(key, 0x40, WG_KEY_LEN);
	key[0] = (uint8_t)(i % 3);
	key[31] = (uint8_t)i;
}

static struct table *build(const struct table *old, const uint32_t *keys, size_t n, int want)
{
	static const uint8_t no_psk[WG_KEY_LEN];
	static uint8_t public[KEYS][WG_KEY_LEN];
	static struct prefix allowed[KEYS];
	struct peer_spec specs[KEYS];
	struct table *table = NULL;

	for (size_t i = 0; i < n; i++) {
		key_of(keys[i], public[i]);
		allowed[i] = (struct prefix){ addr_ip4(0x0a424d00u + 2 + keys[i]), 32 };
		specs[i] = (struct peer_spec){
			.name = "x",
			.public_key = public[i],
			.preshared_key = no_psk,
			.allowed = &allowed[i],
			.n_allowed = 1,
		};
	}
	assert_int_equal(
		engine_table_new(old, &config, &uplink, &host, specs, n, PEERS_MAX, &table), want);
	return table;
}

static uint32_t number_of(const struct table *table, uint32_t key)
{
	uint8_t public[WG_KEY_LEN];

	key_of(key, public);
	return engine_table_find(table, public);
}

static void a_first_table_numbers_peers_from_zero(void **state)
{
	struct table *t = build(NULL, (uint32_t[]){ 5, 6, 7 }, 3, 0);

	(void)state;
	assert_int_equal(number_of(t, 5), 0);
	assert_int_equal(number_of(t, 7), 2);
	assert_int_equal(number_of(t, 8), WG_NO_PEER);
	assert_int_equal(t->n_slots, 3);
	assert_int_equal(t->mtu, 1420);
	assert_int_equal(t->gateway, 0x0a424d01u);
	assert_int_equal(allowed_ips_find_ip4(t->allowed, 0x0a424d00u + 2 + 6), 1);
	assert_int_equal(allowed_ips_find_ip4(t->allowed, 0x0a424d00u + 2 + 8), WG_NO_PEER);
	engine_table_free(t);
}

static void a_number_that_changes_hands_has_another_incarnation(void **state)
{
	struct table *a = build(NULL, (uint32_t[]){ 1, 2, 3 }, 3, 0);
	struct table *b = build(a, (uint32_t[]){ 3, 1 }, 2, 0);
	struct table *c = build(b, (uint32_t[]){ 1, 9, 3 }, 3, 0);
	struct table *d = build(c, (uint32_t[]){ 2, 1, 3 }, 3, 0);

	(void)state;
	assert_int_equal(number_of(b, 1), 0);
	assert_int_equal(number_of(b, 3), 2);
	assert_false(b->peers[1].used);
	assert_int_equal(number_of(c, 9), 1);
	assert_int_equal(c->peers[1].incarnation, a->peers[1].incarnation + 1);
	assert_int_equal(c->peers[2].incarnation, a->peers[2].incarnation);
	assert_int_equal(number_of(d, 2), 1);
	assert_int_equal(d->peers[1].incarnation, a->peers[1].incarnation + 2);
	assert_int_equal(d->generation, 4);
	engine_table_free(a);
	engine_table_free(b);
	engine_table_free(c);
	engine_table_free(d);
}

static void more_peers_than_there_are_numbers_are_refused(void **state)
{
	uint32_t keys[PEERS_MAX + 1];
	struct table *t;

	(void)state;
	for (uint32_t i = 0; i <= PEERS_MAX; i++)
		keys[i] = i;
	t = build(NULL, keys, PEERS_MAX, 0);
	assert_null(build(t, keys, PEERS_MAX + 1, -ENOSPC));
	/* One goes, one comes. */
	engine_table_free(build(t, keys + 1, PEERS_MAX, 0));
	engine_table_free(t);
}

/* Of all reloads: who stays keeps number and incarnation, no two have one number, and a number never
 * has one incarnation for two keys. */
static void random_reloads_keep_every_promise(void **state)
{
	static int64_t owner[PEERS_MAX][1024]; /* by number and incarnation: key + 1 */
	struct rng rng = rng_seeded(3);
	struct table *old = NULL;

	(void)state;
	memset(owner, 0, sizeof(owner));
	for (int round = 0; round < 500; round++) {
		bool chosen[KEYS] = { false };
		uint32_t keys[PEERS_MAX];
		size_t n = rng_below(&rng, PEERS_MAX + 1);
		struct table *t;

		for (size_t i = 0; i < n; i++) {
			do
				keys[i] = rng_below(&rng, KEYS);
			while (chosen[keys[i]]);
			chosen[keys[i]] = true;
		}
		t = build(old, keys, n, 0);
		for (uint32_t key = 0; key < KEYS; key++) {
			uint32_t number = number_of(t, key);
			uint32_t before = old ? number_of(old, key) : WG_NO_PEER;
			int64_t *entry;

			assert_int_equal(number != WG_NO_PEER, chosen[key]);
			if (number == WG_NO_PEER)
				continue;
			entry = &owner[number][t->peers[number].incarnation];
			assert_true(t->peers[number].used);
			assert_true(*entry == 0 || *entry == (int64_t)key + 1);
			*entry = (int64_t)key + 1;
			if (before == WG_NO_PEER)
				continue;
			assert_int_equal(number, before);
			assert_int_equal(t->peers[number].incarnation,
					 old->peers[number].incarnation);
		}
		engine_table_free(old);
		old = t;
	}
	engine_table_free(old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_first_table_numbers_peers_from_zero),
		cmocka_unit_test(a_number_that_changes_hands_has_another_incarnation),
		cmocka_unit_test(more_peers_than_there_are_numbers_are_refused),
		cmocka_unit_test(random_reloads_keep_every_promise),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
