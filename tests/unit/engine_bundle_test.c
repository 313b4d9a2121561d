/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/bundle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/post.h"

#define NOW   (1000 * NS_PER_S)
#define HERE  0xcb007101u /* 203.0.113.1 */
#define HOME  0xcb007107u
#define TRAIN 0xcb007109u

static struct bundles *b;
static uint32_t left; /* by the last bundle_heard() */

static int setup(void **state)
{
	(void)state;
	return bundles_new(4, &b);
}

static int teardown(void **state)
{
	(void)state;
	b = bundles_free(b);
	return 0;
}

static bool heard(uint32_t peer, uint32_t stream, uint32_t address, uint64_t now)
{
	struct endpoint from = { addr_ip4(address), (uint16_t)(40000 + stream), 0, stream };
	struct addr to = addr_ip4(HERE);

	return bundle_heard(b, peer, &from, &to, now, &left);
}

static uint32_t chosen(uint32_t peer, unsigned int lane)
{
	struct addr from;
	const struct endpoint *to = bundle_choose(b, peer, lane, &from);

	if (!to)
		return 0;
	assert_int_equal(addr_to_ip4(&from), HERE);
	assert_int_equal(to->port, 40000 + to->stream);
	return to->stream;
}

static void a_peer_that_was_not_heard_has_no_stream(void **state)
{
	(void)state;
	assert_int_equal(chosen(0, 0), 0);
	heard(1, 1025, HOME, NOW);
	assert_int_equal(chosen(0, 0), 0);
	assert_int_equal(chosen(1, 0), 1025);
}

static void lanes_spread_over_four_streams_evenly_and_stay(void **state)
{
	unsigned int n[4] = { 0 };
	uint32_t first[BUNDLE_LANES];

	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		heard(0, 1025 + i, HOME, NOW + i);
	for (unsigned int lane = 0; lane < BUNDLE_LANES; lane++) {
		first[lane] = chosen(0, lane);
		n[first[lane] - 1025]++;
	}
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(n[i], 2);
	heard(0, 1027, HOME, NOW + NS_PER_S);
	for (unsigned int lane = 0; lane < BUNDLE_LANES; lane++)
		assert_int_equal(chosen(0, lane), first[lane]);
}

static void a_closed_stream_leaves_and_its_lanes_move(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		heard(0, 1025 + i, HOME, NOW);
	bundle_closed(b, 1026);
	for (unsigned int lane = 0; lane < BUNDLE_LANES; lane++) {
		if (lane % 4 == 1)
			assert_int_not_equal(chosen(0, lane), 1026);
		else
			assert_int_equal(chosen(0, lane), 1025 + lane % 4); /* as before */
	}
	bundle_closed(b, 1025);
	bundle_closed(b, 1027);
	for (unsigned int lane = 0; lane < BUNDLE_LANES; lane++)
		assert_int_equal(chosen(0, lane), 1028);
	bundle_closed(b, 1028);
	assert_int_equal(chosen(0, 0), 0);
	heard(0, 1025 + STREAM_PLACES, HOME, NOW); /* heard elsewhere: all is well */
	assert_int_equal(chosen(0, 7), 1025 + STREAM_PLACES);
}

static void an_old_end_does_not_close_who_has_the_place_now(void **state)
{
	(void)state;
	bundle_closed(b, 1025 + STREAM_PLACES);
	bundle_closed(b, 1025); /* late news */
	assert_false(heard(0, 1025 + STREAM_PLACES, HOME, NOW));
	assert_int_equal(chosen(0, 0), 0);
	assert_true(heard(0, 1025 + 2 * STREAM_PLACES, HOME, NOW));
	bundle_closed(b, 1025 + STREAM_PLACES);
	assert_int_equal(chosen(0, 0), 1025 + 2 * STREAM_PLACES);
}

static void the_order_of_numbers_survives_their_wrap(void **state)
{
	uint32_t last = UINT32_MAX - STREAM_PLACES + 1 + 5;

	(void)state;
	heard(0, last, HOME, NOW);
	bundle_closed(b, last);
	heard(0, 5, HOME, NOW); /* place 5 again, after the wrap */
	assert_int_equal(chosen(0, 0), 5);
}

static void who_has_moved_is_answered_where_it_is_now(void **state)
{
	(void)state;
	heard(0, 1025, HOME, NOW);
	heard(0, 1026, HOME, NOW);
	heard(0, 1027, TRAIN, NOW + 1);
	for (unsigned int lane = 0; lane < BUNDLE_LANES; lane++)
		assert_int_equal(chosen(0, lane), 1027);
}

static void a_silent_stream_is_left_out_while_others_are_heard(void **state)
{
	(void)state;
	heard(0, 1025, HOME, NOW);
	heard(0, 1026, HOME, NOW + BUNDLE_SILENT);
	assert_int_equal(chosen(0, 0), 1025);
	heard(0, 1026, HOME, NOW + BUNDLE_SILENT + 1);
	assert_int_equal(chosen(0, 0), 1026);
	bundle_closed(b, 1026); /* and is taken when there is no other */
	assert_int_equal(chosen(0, 0), 1025);
}

static void the_most_silent_of_eight_makes_room(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < BUNDLE_LANES; i++)
		heard(0, 1025 + i, HOME, NOW + i);
	heard(0, 1025, HOME, NOW + 20);
	assert_int_equal(left, 0);
	heard(0, 1999, HOME, NOW + 21);
	assert_int_equal(left, 1026); /* to be closed */
	for (unsigned int lane = 0; lane < BUNDLE_LANES; lane++)
		assert_int_not_equal(chosen(0, lane), 1026);
	assert_int_equal(chosen(0, 1), 1999);
	bundle_closed(b, 1027);
	heard(0, 2000, HOME, NOW + 22);
	assert_int_equal(left, 0);
}

static void the_stream_thread_is_told_of_use_now_and_again(void **state)
{
	(void)state;
	assert_true(heard(0, 1025, HOME, NOW));
	assert_false(heard(0, 1025, HOME, NOW + BUNDLE_TELL - 1));
	assert_true(heard(0, 1026, HOME, NOW + 1));
	assert_true(heard(0, 1025, HOME, NOW + BUNDLE_TELL));
	assert_true(heard(1, 1025, HOME, NOW + BUNDLE_TELL)); /* of another peer by the same */
}

static void a_forgotten_peer_has_no_stream(void **state)
{
	uint32_t streams[BUNDLE_LANES];

	(void)state;
	heard(0, 1025, HOME, NOW);
	heard(0, 1026, HOME, NOW);
	heard(0, 1027, HOME, NOW);
	bundle_closed(b, 1026);
	assert_int_equal(bundle_forget(b, 0, streams), 2);
	assert_int_equal(streams[0], 1025);
	assert_int_equal(streams[1], 1027);
	assert_int_equal(bundle_forget(b, 0, streams), 0);
	assert_int_equal(chosen(0, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_peer_that_was_not_heard_has_no_stream, setup,
						teardown),
		cmocka_unit_test_setup_teardown(lanes_spread_over_four_streams_evenly_and_stay,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_closed_stream_leaves_and_its_lanes_move, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_old_end_does_not_close_who_has_the_place_now,
						setup, teardown),
		cmocka_unit_test_setup_teardown(the_order_of_numbers_survives_their_wrap, setup,
						teardown),
		cmocka_unit_test_setup_teardown(who_has_moved_is_answered_where_it_is_now, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_silent_stream_is_left_out_while_others_are_heard,
						setup, teardown),
		cmocka_unit_test_setup_teardown(the_most_silent_of_eight_makes_room, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_stream_thread_is_told_of_use_now_and_again,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_forgotten_peer_has_no_stream, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
