/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/peer_mtu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"

static struct endpoint endpoint(const char *text)
{
	struct endpoint e;

	assert_true(endpoint_parse(text, &e));
	return e;
}

static void a_narrow_path_leaves_room_for_all_headers(void **state)
{
	struct endpoint four = endpoint("192.0.2.1:1");
	struct endpoint six = endpoint("[2001:db8::1]:1");
	struct peer_mtu *m;

	(void)state;
	assert_int_equal(peer_mtu_new(4, 1420, &m), 0);
	assert_int_equal(peer_mtu_get(m, 0, 0), 1420);
	peer_mtu_learn(m, 0, &four, 1280, 0);
	peer_mtu_learn(m, 1, &six, 1280, 0);
	assert_int_equal(peer_mtu_get(m, 0, 1), 1280 - 60);
	assert_int_equal(peer_mtu_get(m, 1, 1), 1280 - 80);
	assert_int_equal(peer_mtu_get(m, 2, 1), 1420);
	peer_mtu_free(m);
}

static void what_was_learnt_ends_after_ten_minutes_or_with_a_move(void **state)
{
	struct endpoint four = endpoint("192.0.2.1:1");
	struct peer_mtu *m;

	(void)state;
	assert_int_equal(peer_mtu_new(4, 1420, &m), 0);
	peer_mtu_learn(m, 0, &four, 1400, 5 * NS_PER_S);
	assert_int_equal(peer_mtu_get(m, 0, 604 * NS_PER_S), 1340);
	assert_int_equal(peer_mtu_get(m, 0, 605 * NS_PER_S), 1420);
	peer_mtu_learn(m, 0, &four, 1400, 700 * NS_PER_S);
	peer_mtu_forget(m, 0);
	assert_int_equal(peer_mtu_get(m, 0, 700 * NS_PER_S), 1420);
	peer_mtu_free(m);
}

static void absurd_paths_change_nothing_or_little(void **state)
{
	struct endpoint four = endpoint("192.0.2.1:1");
	struct peer_mtu *m;

	(void)state;
	assert_int_equal(peer_mtu_new(4, 1420, &m), 0);
	peer_mtu_learn(m, 0, &four, 0, 0);
	peer_mtu_learn(m, 0, &four, 9000, 0);
	assert_int_equal(peer_mtu_get(m, 0, 0), 1420);
	peer_mtu_learn(m, 0, &four, 68, 0);
	assert_int_equal(peer_mtu_get(m, 0, 0), 480);
	peer_mtu_free(m);
}

static void another_mtu_of_the_tunnel_leaves_what_was_learnt(void **state)
{
	struct endpoint four = endpoint("192.0.2.1:1");
	struct peer_mtu *m;

	(void)state;
	assert_int_equal(peer_mtu_new(4, 1420, &m), 0);
	peer_mtu_learn(m, 0, &four, 1400, 0);
	peer_mtu_set_inside(m, 9000);
	assert_int_equal(peer_mtu_get(m, 0, 0), 1340);
	assert_int_equal(peer_mtu_get(m, 1, 0), 9000);
	peer_mtu_set_inside(m, 1280);
	assert_int_equal(peer_mtu_get(m, 0, 0), 1280);
	peer_mtu_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_narrow_path_leaves_room_for_all_headers),
		cmocka_unit_test(what_was_learnt_ends_after_ten_minutes_or_with_a_move),
		cmocka_unit_test(another_mtu_of_the_tunnel_leaves_what_was_learnt),
		cmocka_unit_test(absurd_paths_change_nothing_or_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
