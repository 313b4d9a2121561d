/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocation n fails, for each n: the answer is -ENOMEM with a sentence, nothing leaks, and the
 * table in force stays.
 *
 * The sources are compiled into this program with an allocator that counts.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_memory.h"

#define malloc  failing_malloc
#define calloc  failing_calloc
#define realloc failing_realloc
#define free    counted_free
#include "../../src/engine/roster.c"
#include "../../src/engine/staging.c"
#include "../../src/engine/table.c"
#undef malloc
#undef calloc
#undef realloc
#undef free

static struct prefix allowed = { .len = 32 };
static struct config_peer peers[2];
static struct config config = { .peers = peers, .n_peers = 2, .n_addresses = 1 };
static struct uplink uplink;
static struct uplink_host host;
static struct post *post;

static void a_pool_is_made_whole_or_not_at_all(void **state)
{
	struct staging *s = NULL;

	(void)state;
	for (long n = 0; n < 3; n++) {
		countdown = n;
		assert_int_equal(staging_new(10, 100, &s), -ENOMEM);
		assert_null(s);
		assert_int_equal(living, 0);
	}
	countdown = -1;
	assert_int_equal(staging_new(10, 100, &s), 0);
	staging_free(s);
	assert_int_equal(living, 0);
}

static int load(struct roster *r, char *complaint)
{
	return roster_load(r, &config, complaint);
}

static int set(struct roster *r, char *complaint)
{
	struct uapi_peer_set peer = { .public_key = { 9 }, .allowed = &allowed, .n_allowed = 1 };
	struct uapi_set change = { .peers = &peer, .n_peers = 1 };

	return roster_set(r, &change, complaint);
}

/* Until it succeeds, each failure leaves as much alive as there was before. */
static int failures_of(int (*change)(struct roster *, char *), struct roster *r)
{
	const struct table *in_force = r->table;
	long before = living;

	for (int n = 0;; n++) {
		char complaint[256] = "";
		int result;

		countdown = n;
		result = change(r, complaint);
		countdown = -1;
		if (result == 0)
			return n;
		assert_int_equal(result, -ENOMEM);
		assert_int_equal(living, before);
		assert_ptr_equal(r->table, in_force);
		assert_true(change == set || complaint[0] != '\0');
	}
}

static void a_change_of_the_roster_is_made_whole_or_not_at_all(void **state)
{
	struct roster_params params = { 1, NULL, 8, &uplink, &host };
	struct roster *r = NULL;

	(void)state;
	assert_int_equal(post_new(1, &post), 0);
	params.post = post;
	prefix_parse("10.66.77.1/24", &config.addresses[0]);
	for (uint8_t i = 0; i < 2; i++) {
		peers[i].public_key[0] = i + 1;
		peers[i].allowed = &allowed;
		peers[i].n_allowed = 1;
	}
	for (long n = 0; n < 2; n++) {
		countdown = n;
		assert_int_equal(roster_new(&params, &r), -ENOMEM);
		assert_int_equal(living, 0);
	}
	countdown = -1;
	assert_int_equal(roster_new(&params, &r), 0);
	assert_true(failures_of(load, r) > 8);
	assert_true(failures_of(load, r) > 8);
	assert_true(failures_of(set, r) > 8);
	roster_free(r);
	assert_int_equal(living, 0);
	post_free(post);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pool_is_made_whole_or_not_at_all),
		cmocka_unit_test(a_change_of_the_roster_is_made_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
