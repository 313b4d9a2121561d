/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/lanes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../replay/wire_net.h"

static struct lanes *lanes;

static const struct endpoint there = { .addr = { { 192, 0, 2, 1 }, ADDR_IP4 }, .port = 443 };

static int setup(void **state)
{
	(void)state;
	net_reset();
	if (lanes_new(NULL, 0, &lanes) < 0)
		return -1;
	lanes_set(lanes, &there, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	lanes = lanes_free(lanes);
	net_reset();
	return 0;
}

static void run(uint64_t ns)
{
	uint64_t until = net.now + ns;

	lanes_run(lanes, net.now);
	while (lanes_next_deadline(lanes) <= until) {
		uint64_t next = lanes_next_deadline(lanes);

		net.now = next > net.now ? next : net.now + 1;
		lanes_run(lanes, net.now);
	}
	net.now = until;
}

static void the_first_is_opened_alone_and_the_others_after_it(void **state)
{
	(void)state;
	run(NS_PER_S);
	assert_int_equal(net.connects, 0); /* nobody wants them */
	lanes_want(lanes, true, net.now);
	lanes_run(lanes, net.now);
	assert_int_equal(net.connects, 1);
	assert_int_equal(lanes_open(lanes), 0);
	run(NS_PER_S);
	assert_int_equal(net.connects, STREAM_LANES);
	assert_int_equal(lanes_open(lanes), STREAM_LANES);
	assert_int_equal(lanes_opened(lanes), (1 << STREAM_LANES) - 1);
	assert_int_equal(lanes_opened(lanes), 0);
	assert_int_equal(lanes_next_deadline(lanes), NEVER);
}

static void who_is_refused_comes_back_after_1_s_to_30_s(void **state)
{
	(void)state;
	net.tcp = NET_TCP_REFUSED;
	lanes_want(lanes, true, net.now);
	run(500 * NS_PER_MS);
	assert_int_equal(net.connects, 1);
	assert_string_equal(lanes_error(lanes), "connection refused");
	run(600 * NS_PER_MS);
	assert_int_equal(net.connects, 2);
	run(30 * NS_PER_S); /* after 1, 3, 7, 15, 31 s */
	assert_int_equal(net.connects, 6);
	run(300 * NS_PER_S);
	assert_in_range(net.connects, 15, 16);
	net.tcp = NET_TCP_OPENS;
	run(31 * NS_PER_S);
	assert_int_equal(lanes_open(lanes), STREAM_LANES);
	assert_string_equal(lanes_error(lanes), "");
}

static void a_lane_that_is_not_open_is_replaced_by_another(void **state)
{
	uint8_t message[32] = { 1 };

	(void)state;
	assert_int_equal(lanes_send(lanes, 2, message, 32, 32, net.now), -ENOTCONN);
	lanes_want(lanes, true, net.now);
	lanes_run(lanes, net.now);
	net.now += 2 * NET_DELAY;
	lanes_run(lanes, net.now);
	assert_int_equal(lanes_open(lanes), 1);
	assert_true(lanes_is_open(lanes, 0));
	assert_false(lanes_is_open(lanes, 2));
	assert_int_equal(lanes_send(lanes, 2, message, 32, 32, net.now), 0);
	assert_int_equal(net.sent_stream, 1);
}

static void what_is_not_wanted_stays_open_for_what_is_on_its_way(void **state)
{
	(void)state;
	lanes_want(lanes, true, net.now);
	run(NS_PER_S);
	lanes_want(lanes, false, net.now);
	run(4 * NS_PER_S);
	assert_int_equal(lanes_open(lanes), STREAM_LANES);
	run(2 * NS_PER_S);
	assert_int_equal(lanes_open(lanes), 0);
	run(100 * NS_PER_S);
	assert_int_equal(net.connects, STREAM_LANES);
	/* Wanted again in time, they are the same. */
	lanes_want(lanes, true, net.now);
	run(NS_PER_S);
	lanes_want(lanes, false, net.now);
	run(NS_PER_S);
	lanes_want(lanes, true, net.now);
	run(100 * NS_PER_S);
	assert_int_equal(net.connects, 2 * STREAM_LANES);
}

static void another_place_or_a_restart_closes_what_is_open(void **state)
{
	struct endpoint other = there;
	struct endpoint at;

	(void)state;
	lanes_want(lanes, true, net.now);
	run(NS_PER_S);
	lanes_set(lanes, &there, NULL);
	assert_int_equal(lanes_open(lanes), STREAM_LANES);
	lanes_restart(lanes);
	assert_int_equal(lanes_open(lanes), 0);
	run(NS_PER_S);
	assert_int_equal(lanes_open(lanes), STREAM_LANES);
	other.port = 8443;
	lanes_set(lanes, &other, NULL);
	assert_int_equal(lanes_open(lanes), 0);
	run(NS_PER_S);
	at = lanes_endpoint(lanes, 3);
	assert_int_equal(at.port, 8443);
	assert_int_equal(at.stream, 4);
	lanes_set(lanes, &(struct endpoint){ 0 }, NULL);
	run(100 * NS_PER_S);
	assert_int_equal(net.connects, 3 * STREAM_LANES);
}

static void one_that_breaks_is_opened_again(void **state)
{
	(void)state;
	lanes_want(lanes, true, net.now);
	run(NS_PER_S);
	net_streams_break();
	lanes_run(lanes, net.now);
	assert_int_equal(lanes_open(lanes), 0);
	assert_string_equal(lanes_error(lanes), "connection reset");
	run(2 * NS_PER_S);
	assert_int_equal(lanes_open(lanes), STREAM_LANES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_is_opened_alone_and_the_others_after_it),
		TEST(who_is_refused_comes_back_after_1_s_to_30_s),
		TEST(a_lane_that_is_not_open_is_replaced_by_another),
		TEST(what_is_not_wanted_stays_open_for_what_is_on_its_way),
		TEST(another_place_or_a_restart_closes_what_is_open),
		TEST(one_that_breaks_is_opened_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
