/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/fallback.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/*
 * A peer and the protocol's timers around it: what is sent at once, repeated after 5.1 s, and
 * answered by the ways that are said to work.
 */
static struct fallback f;
static uint64_t now;
static uint64_t repeat; /* ns: the next retransmission; NEVER: none under way */
static bool works[N_FALLBACK_WAYS];
static bool connects; /* a stream that is wanted opens */
static unsigned int sent[N_FALLBACK_WAYS];
static uint64_t sent_last[N_FALLBACK_WAYS];
static uint64_t least_gap;
static unsigned int keepalives, cancels;

static int setup(void **state)
{
	(void)state;
	now = 1000 * NS_PER_S;
	repeat = NEVER;
	works[0] = works[1] = connects = false;
	sent[0] = sent[1] = keepalives = cancels = 0;
	sent_last[0] = sent_last[1] = 0;
	least_gap = NEVER;
	fallback_init(&f);
	fallback_configured(&f, true, true, now);
	return 0;
}

static void initiate(enum fallback_way way)
{
	if (way == FALLBACK_STREAM && !f.open)
		return;
	if (sent_last[way] != 0 && now - sent_last[way] < least_gap)
		least_gap = now - sent_last[way];
	sent[way]++;
	sent_last[way] = now;
	repeat = now + 5100 * NS_PER_MS;
	fallback_initiation_sent(&f, way, now);
	if (!works[way])
		return;
	repeat = NEVER;
	fallback_answered(&f, way, now);
}

static void settle(void)
{
	enum fallback_action action;
	bool open;

	do {
		open = fallback_wants_streams(&f) && connects;
		fallback_streams(&f, open, now);
		action = fallback_run(&f, now);
		if (action == FALLBACK_INITIATE)
			initiate(f.call_way);
		keepalives += action == FALLBACK_KEEPALIVE;
		if (action == FALLBACK_CANCEL) {
			cancels++;
			repeat = NEVER;
		}
	} while (action != FALLBACK_NOTHING || (fallback_wants_streams(&f) && connects) != open);
}

static void run(uint64_t ns)
{
	uint64_t until = now + ns;

	settle();
	for (;;) {
		uint64_t next = earlier(fallback_next_deadline(&f), repeat);

		if (next > until)
			break;
		now = next > now ? next : now;
		if (repeat <= now)
			initiate(fallback_next(&f));
		settle();
	}
	now = until;
}

/* A packet wants a session. */
static void ask(void)
{
	if (repeat == NEVER)
		initiate(fallback_next(&f));
	settle();
}

static void udp_that_answers_is_all(void **state)
{
	(void)state;
	works[FALLBACK_UDP] = true;
	ask();
	run(1000 * NS_PER_S);
	assert_int_equal(f.way, FALLBACK_UDP);
	assert_int_equal(sent[FALLBACK_UDP], 1);
	assert_false(fallback_wants_streams(&f));
	assert_int_equal(fallback_next_deadline(&f), NEVER);
}

static void without_a_stream_the_protocol_alone_rules(void **state)
{
	(void)state;
	fallback_configured(&f, true, false, now);
	ask();
	run(60 * NS_PER_S);
	assert_false(fallback_wants_streams(&f));
	assert_int_equal(sent[FALLBACK_UDP], 12);
	assert_int_equal(fallback_next_deadline(&f), NEVER);
}

static void three_seconds_without_an_answer_bring_streams(void **state)
{
	(void)state;
	connects = works[FALLBACK_STREAM] = true;
	ask();
	run(FALLBACK_AFTER - 1);
	assert_false(fallback_wants_streams(&f));
	run(1);
	assert_int_equal(sent[FALLBACK_STREAM], 1);
	assert_int_equal(f.way, FALLBACK_STREAM);
	assert_int_equal(f.state, FALLBACK_SETTLED);
}

static void probes_come_after_10_s_and_ever_more_seldom(void **state)
{
	static const unsigned int by[] = {
		10, 35, 80, 165, 330, 635
	}; /* s: 5 s each for the answer */

	(void)state;
	connects = works[FALLBACK_STREAM] = true;
	ask();
	run(FALLBACK_AFTER);
	for (size_t i = 0; i < 6; i++) {
		run(1000 * NS_PER_S + FALLBACK_AFTER + by[i] * NS_PER_S - now - NS_PER_MS);
		assert_int_equal(sent[FALLBACK_UDP], 1 + i);
		run(2 * NS_PER_MS);
		assert_int_equal(sent[FALLBACK_UDP], 2 + i);
		run(FALLBACK_RETURN);
		assert_int_equal(keepalives, i + 1);
		run(5 * NS_PER_S);
		assert_int_equal(cancels, i + 1);
	}
	assert_int_equal(f.probe_interval, FALLBACK_PROBE_MAX);
	assert_int_equal(f.way, FALLBACK_STREAM);
	/* UDP is back, and for long enough that the past is forgotten. */
	works[FALLBACK_UDP] = true;
	run(400 * NS_PER_S);
	assert_int_equal(f.way, FALLBACK_UDP);
	assert_false(fallback_wants_streams(&f));
	run(300 * NS_PER_S);
	ask();
	assert_int_equal(f.probe_interval, FALLBACK_PROBE_MIN);
}

static void a_way_back_that_does_not_last_is_not_probed_more_often(void **state)
{
	(void)state;
	connects = works[FALLBACK_STREAM] = true;
	ask();
	run(100 * NS_PER_S);
	works[FALLBACK_UDP] = true;
	run(200 * NS_PER_S);
	assert_int_equal(f.way, FALLBACK_UDP);
	assert_true(f.probe_interval > FALLBACK_PROBE_MIN);
	works[FALLBACK_UDP] = false;
	ask();
	run(4 * NS_PER_S);
	assert_int_equal(f.way, FALLBACK_STREAM);
	assert_true(f.probe_interval > FALLBACK_PROBE_MIN);
}

static void where_nothing_answers_both_are_tried_in_turn(void **state)
{
	(void)state;
	connects = true;
	ask();
	run(90 * NS_PER_S);
	assert_in_range(sent[FALLBACK_UDP], 8, 10);
	assert_in_range(sent[FALLBACK_STREAM], 8, 10);
	assert_true(least_gap >= 5 * NS_PER_S);
	assert_true(fallback_wants_streams(&f));
	fallback_failed(&f);
	repeat = NEVER;
	assert_false(fallback_wants_streams(&f));
	run(1000 * NS_PER_S);
	assert_in_range(sent[FALLBACK_UDP], 8, 10);
}

static void without_a_stream_that_opens_udp_goes_on(void **state)
{
	(void)state;
	ask();
	run(60 * NS_PER_S);
	assert_int_equal(sent[FALLBACK_UDP], 12);
	connects = works[FALLBACK_STREAM] = true;
	run(NS_PER_S);
	assert_int_equal(f.way, FALLBACK_STREAM);
}

static void streams_that_close_bring_udp_at_once(void **state)
{
	(void)state;
	connects = works[FALLBACK_STREAM] = true;
	ask();
	run(8 * NS_PER_S);
	works[FALLBACK_UDP] = true;
	connects = false;
	fallback_streams(&f, false, now);
	run(NS_PER_MS);
	assert_int_equal(f.way, FALLBACK_UDP);
}

static void a_network_change_forgets_everything(void **state)
{
	(void)state;
	connects = works[FALLBACK_STREAM] = true;
	ask();
	run(300 * NS_PER_S);
	assert_true(f.probe_interval > FALLBACK_PROBE_MIN);
	fallback_network_changed(&f, true, now);
	assert_int_equal(f.way, FALLBACK_UDP);
	works[FALLBACK_UDP] = true;
	run(5 * NS_PER_S);
	assert_int_equal(f.way, FALLBACK_UDP);
	assert_int_equal(f.probe_interval, FALLBACK_PROBE_MIN);
}

static void network_changes_in_a_row_do_not_storm(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		fallback_network_changed(&f, true, now);
		run(100 * NS_PER_MS);
	}
	assert_in_range(sent[FALLBACK_UDP], 9, 11);
	assert_true(least_gap >= NS_PER_S);
}

static void an_initiation_on_the_old_network_holds_up_none_on_the_new(void **state)
{
	(void)state;
	connects = works[FALLBACK_STREAM] = true;
	ask();
	run(NS_PER_MS);
	fallback_network_changed(&f, true, now);
	run(4200 * NS_PER_MS);
	assert_int_equal(f.way, FALLBACK_STREAM);
}

static void a_peer_without_udp_is_called_once_a_stream_is_open(void **state)
{
	(void)state;
	fallback_init(&f);
	fallback_configured(&f, false, true, now);
	assert_true(fallback_wants_streams(&f));
	assert_int_equal(fallback_next(&f), FALLBACK_STREAM);
	fallback_call(&f, now);
	run(10 * NS_PER_S);
	assert_int_equal(sent[FALLBACK_STREAM], 0);
	connects = works[FALLBACK_STREAM] = true;
	run(NS_PER_S);
	assert_int_equal(sent[FALLBACK_STREAM], 1);
	assert_int_equal(f.state, FALLBACK_SETTLED);
	run(1000 * NS_PER_S);
	assert_int_equal(sent[FALLBACK_UDP], 0);
}

static void a_packet_without_a_session_does_not_wait_for_a_probe(void **state)
{
	(void)state;
	connects = works[FALLBACK_STREAM] = true;
	ask();
	run(FALLBACK_AFTER + 10100 * NS_PER_MS);
	assert_int_equal(f.state, FALLBACK_PROBING);
	fallback_stuck(&f, now);
	run(100 * NS_PER_MS);
	assert_int_equal(f.state, FALLBACK_SETTLED);
	assert_int_equal(f.way, FALLBACK_STREAM);
	assert_int_equal(sent[FALLBACK_STREAM], 2);
}

static void udp_comes_first_where_nothing_has_been_answered_yet(void **state)
{
	(void)state;
	fallback_init(&f);
	fallback_configured(&f, false, true, now);
	assert_int_equal(f.way, FALLBACK_STREAM);
	fallback_configured(&f, true, true, now);
	assert_int_equal(f.way, FALLBACK_UDP);
}

static void a_way_that_is_gone_is_left(void **state)
{
	(void)state;
	connects = works[FALLBACK_STREAM] = true;
	ask();
	run(8 * NS_PER_S);
	assert_int_equal(f.way, FALLBACK_STREAM);
	fallback_configured(&f, true, false, now);
	assert_int_equal(f.way, FALLBACK_UDP);
	fallback_configured(&f, false, true, now);
	assert_int_equal(f.way, FALLBACK_STREAM);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(udp_that_answers_is_all),
		TEST(without_a_stream_the_protocol_alone_rules),
		TEST(three_seconds_without_an_answer_bring_streams),
		TEST(probes_come_after_10_s_and_ever_more_seldom),
		TEST(a_way_back_that_does_not_last_is_not_probed_more_often),
		TEST(where_nothing_answers_both_are_tried_in_turn),
		TEST(without_a_stream_that_opens_udp_goes_on),
		TEST(streams_that_close_bring_udp_at_once),
		TEST(a_network_change_forgets_everything),
		TEST(network_changes_in_a_row_do_not_storm),
		TEST(an_initiation_on_the_old_network_holds_up_none_on_the_new),
		TEST(a_peer_without_udp_is_called_once_a_stream_is_open),
		TEST(a_packet_without_a_session_does_not_wait_for_a_probe),
		TEST(udp_comes_first_where_nothing_has_been_answered_yet),
		TEST(a_way_that_is_gone_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
