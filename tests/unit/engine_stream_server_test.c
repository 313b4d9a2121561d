/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/stream_server.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../replay/wire_stream.h"
#include "base/wire.h"

#define WORKERS 2
#define NOW     (1000 * NS_PER_S)
#define LEN     64

static struct post *post;
static struct stream_server *server;
static int listener;
static uint64_t now;
static struct stream *callers[STREAM_PLACES + 1];

static int setup(void **state)
{
	struct stream_server_params params = { .workers = WORKERS };

	(void)state;
	now = NOW;
	assert_int_equal(post_new(WORKERS, &post), 0);
	listener = wire_listener_new();
	params.post = post;
	params.listener = listener;
	assert_int_equal(stream_server_new(&params, &server), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	server = stream_server_free(server);
	for (unsigned int i = 0; i <= STREAM_PLACES; i++) {
		if (callers[i])
			wire_hang_up(callers[i]);
		callers[i] = NULL;
	}
	post = post_free(post);
	close(listener);
	return 0;
}

/* Until nothing more happens at this moment. */
static void settle(void)
{
	for (unsigned int i = 0; i < 1000; i++)
		if (!stream_server_poll(server, now) && i > 3)
			return;
	fail_msg("it never comes to rest");
}

static void pass(uint64_t ns)
{
	uint64_t until = now + ns;

	settle();
	for (uint64_t next; (next = stream_server_next_deadline(server)) <= until;) {
		now = next > now ? next : now + 1;
		settle();
	}
	now = until;
	settle();
}

/* Caller @i, from an address of its own unless @source says which. */
static struct stream *call_from(unsigned int i, uint32_t source)
{
	struct endpoint from = { addr_ip4(source), (uint16_t)(20000 + i), 0, 0 };
	struct addr to = addr_ip4(0xcb007101u);

	callers[i] = wire_connect(&from, &to);
	return callers[i];
}

static struct stream *call(unsigned int i)
{
	return call_from(i, 0x0a000000u + i);
}

/* A data message for worker @worker, of @len bytes, numbered. */
static void say(struct stream *s, unsigned int worker, uint8_t number, size_t len)
{
	uint8_t message[2048] = { WG_DATA };

	message[4] = (uint8_t)worker;
	message[8] = number;
	wire_call(s, message, len);
}

static struct post_datagram got(unsigned int thread, uint8_t *first_number)
{
	struct post_message m;
	struct post_datagram d;

	assert_true(post_receive(post, thread, &m));
	assert_int_equal(m.kind, POST_DATAGRAM);
	assert_int_equal(m.from, post_stream(WORKERS));
	memcpy(&d, m.body, sizeof(d));
	assert_int_equal(m.len, sizeof(d) + d.len);
	*first_number = m.body[sizeof(d) + 8];
	return d;
}

static void got_nothing(unsigned int thread)
{
	struct post_message m;

	assert_false(post_receive(post, thread, &m));
}

/* Caller @i says something; its number. */
static uint32_t number_of(unsigned int i)
{
	struct post_datagram d;
	uint8_t n;

	say(callers[i], 0, 0, LEN);
	settle();
	d = got(0, &n);
	assert_int_equal(d.from.port, 20000 + i);
	return d.from.stream;
}

static void prove(uint32_t number)
{
	struct post_stream used = { number };

	assert_true(post_send(post, 0, post_stream(WORKERS), POST_STREAM_USED, &used, sizeof(used),
			      NULL, 0));
	settle();
}

static void answer(unsigned int thread, uint32_t number, uint32_t len, uint32_t segment)
{
	static const uint8_t data[4096] = { WG_DATA };

	assert_true(post_to_stream(post, thread, WORKERS, number, data, len, segment));
	settle();
}

static uint64_t drops(enum verdict v)
{
	return counter_get(&stream_server_counters(server)->drops[v]);
}

static uint64_t sent(void)
{
	return counter_get(&stream_server_counters(server)->out_tunnel);
}

static void messages_go_to_their_owners_as_groups(void **state)
{
	struct stream *s = call(1);
	struct post_datagram d;
	uint8_t hello[WG_INITIATION_LEN] = { WG_INITIATION };
	uint8_t n;

	(void)state;
	say(s, 0, 1, LEN);
	say(s, 0, 2, LEN);
	say(s, 0, 3, LEN);
	say(s, 1, 4, LEN);
	say(s, 0, 5, LEN);
	say(s, 0, 6, 40);
	wire_call(s, hello, sizeof(hello));
	settle();
	d = got(0, &n);
	assert_int_equal(n, 1);
	assert_int_equal(d.len, 3 * LEN);
	assert_int_equal(d.segment, LEN);
	assert_int_not_equal(d.from.stream, 0);
	assert_int_equal(addr_to_ip4(&d.from.addr), 0x0a000001);
	assert_int_equal(addr_to_ip4(&d.to), 0xcb007101);
	d = got(0, &n);
	assert_int_equal(n, 5);
	assert_int_equal(d.len, LEN + 40);
	assert_int_equal(d.segment, LEN);
	got_nothing(0);
	d = got(1, &n);
	assert_int_equal(n, 4);
	assert_int_equal(d.len, LEN);
	got_nothing(1);
	d = got(post_handshake(WORKERS), &n);
	assert_int_equal(d.len, WG_INITIATION_LEN);
	assert_int_equal(d.segment, WG_INITIATION_LEN);
	assert_int_equal(counter_get(&stream_server_counters(server)->in_tunnel), 7);
}

static void what_is_no_message_is_counted_and_goes_nowhere(void **state)
{
	struct stream *s = call(1);
	uint8_t junk[LEN] = { 9 };

	(void)state;
	wire_call(s, junk, LEN);
	say(s, 0, 1, LEN);
	wire_call(s, junk, 1);
	settle();
	assert_int_equal(drops(DROP_WG_MALFORMED), 2);
	(void)got(0, junk);
	got_nothing(0);
}

static void a_full_ring_drops_and_counts(void **state)
{
	struct stream *s = call(1);
	uint8_t n;

	(void)state;
	for (unsigned int i = 0; i < 4000; i++) {
		say(s, 0, 0, 1400);
		if (i % 32 == 31)
			settle();
	}
	assert_true(drops(DROP_NO_MEMORY) > 0);
	assert_int_equal(drops(DROP_NO_MEMORY) % 32, 0);
	(void)got(0, &n);
}

static void answers_find_their_connection(void **state)
{
	struct wire_packet p;
	uint32_t a, b;

	(void)state;
	call(1);
	call(2);
	settle();
	a = number_of(1);
	b = number_of(2);
	assert_int_not_equal(a, b);
	answer(0, a, 2 * LEN + 40, LEN);
	answer(post_handshake(WORKERS), b, WG_RESPONSE_LEN, WG_RESPONSE_LEN);
	for (unsigned int i = 0; i < 3; i++) {
		assert_true(wire_answer(callers[1], &p));
		assert_int_equal(p.len, i < 2 ? LEN : 40);
	}
	assert_false(wire_answer(callers[1], &p));
	assert_true(wire_answer(callers[2], &p));
	assert_int_equal(p.len, WG_RESPONSE_LEN);
	assert_int_equal(sent(), 4);
}

static void a_stranger_is_closed_after_20_seconds(void **state)
{
	(void)state;
	call(1);
	settle();
	number_of(1); /* talk alone proves nothing */
	pass(STREAM_PROOF_TIME - 1);
	assert_false(wire_gone(callers[1]));
	pass(1);
	assert_true(wire_gone(callers[1]));
	assert_int_equal(stream_server_connections(server), 0);
	got_nothing(0); /* workers are not told */
}

static void tls_has_10_seconds(void **state)
{
	(void)state;
	wire_handshaking(call(1), true);
	wire_handshaking(call(2), true);
	pass(STREAM_TLS_TIME / 2);
	wire_handshaking(callers[2], false);
	pass(STREAM_TLS_TIME / 2);
	assert_true(wire_gone(callers[1]));
	assert_false(wire_gone(callers[2]));
	pass(STREAM_PROOF_TIME - STREAM_TLS_TIME);
	assert_true(wire_gone(callers[2]));
}

static void a_silent_plain_connection_has_20_seconds_too(void **state)
{
	(void)state;
	call(1);
	pass(STREAM_PROOF_TIME - 1);
	assert_false(wire_gone(callers[1]));
	pass(1);
	assert_true(wire_gone(callers[1]));
}

static void a_peer_stays_however_idle(void **state)
{
	(void)state;
	call(1);
	settle();
	prove(number_of(1));
	pass(86400 * NS_PER_S);
	assert_int_equal(stream_server_next_deadline(server), NEVER);
	assert_false(wire_gone(callers[1]));
	assert_int_equal(stream_server_connections(server), 1);
}

static void workers_hear_of_a_peers_end_and_what_goes_there_is_stale(void **state)
{
	struct post_message m;
	uint32_t number;

	(void)state;
	call(1);
	settle();
	number = number_of(1);
	prove(number);
	wire_hang_up(callers[1]);
	callers[1] = NULL;
	settle();
	for (unsigned int i = 0; i < WORKERS; i++) {
		assert_true(post_receive(post, i, &m));
		assert_int_equal(m.kind, POST_STREAM_CLOSED);
		assert_int_equal(((struct post_stream *)(void *)m.body)->stream, number);
	}
	answer(1, number, 2 * LEN, LEN); /* was under way */
	assert_int_equal(drops(DROP_STREAM_STALE), 2);
	got_nothing(0);
	assert_true(post_receive(post, 1, &m)); /* who does not know is told */
	assert_int_equal(m.kind, POST_STREAM_CLOSED);
	call(2); /* the place is another's now */
	settle();
	assert_int_equal(number_of(2) % STREAM_PLACES, number % STREAM_PLACES);
	answer(1, number, LEN, LEN);
	assert_int_equal(drops(DROP_STREAM_STALE), 3);
	assert_false(wire_answer(callers[2], &(struct wire_packet){ .len = 0 }));
}

static void a_stream_that_no_peer_needs_is_closed(void **state)
{
	struct post_stream close = { 0 };

	(void)state;
	call(1);
	call(2);
	settle();
	close.stream = number_of(1);
	prove(close.stream);
	assert_true(post_send(post, 1, post_stream(WORKERS), POST_STREAM_CLOSED, &close,
			      sizeof(close), NULL, 0));
	settle();
	assert_true(wire_gone(callers[1]));
	assert_false(wire_gone(callers[2]));
}

static void what_came_before_the_end_is_still_read(void **state)
{
	uint8_t n;

	(void)state;
	call(1);
	settle();
	say(callers[1], 0, 1, LEN);
	say(callers[1], 1, 2, LEN + 1);
	wire_hang_up(callers[1]);
	callers[1] = NULL;
	settle();
	(void)got(0, &n);
	(void)got(1, &n);
	assert_int_equal(stream_server_connections(server), 0);
}

static void a_congested_stream_drops_and_its_stale_messages_count_once(void **state)
{
	uint32_t number;

	(void)state;
	call(1);
	settle();
	number = number_of(1);
	answer(0, number, 3 * LEN, LEN);
	wire_grow_stale(callers[1], 2);
	settle();
	assert_int_equal(sent(), 1);
	assert_int_equal(drops(DROP_STREAM_STALE), 2);
	wire_congest(callers[1], true);
	answer(0, number, 3 * LEN, LEN);
	assert_int_equal(sent(), 1);
	assert_int_equal(drops(DROP_STREAM_STALE), 5);
}

static void at_the_limit_the_oldest_stranger_makes_room(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < STREAM_PLACES; i++) {
		call(i);
		if (i % 64 == 0)
			pass(1);
	}
	settle();
	prove(number_of(0)); /* the oldest of all is a peer */
	assert_int_equal(stream_server_connections(server), STREAM_PLACES);
	call(STREAM_PLACES);
	settle();
	assert_int_equal(stream_server_connections(server), STREAM_PLACES);
	assert_false(wire_gone(callers[0]));
	assert_true(wire_gone(callers[1]));
	assert_false(wire_gone(callers[2]));
	assert_false(wire_gone(callers[STREAM_PLACES]));
}

static void where_all_are_peers_the_new_one_is_refused(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < STREAM_PLACES; i++) {
		call(i);
		settle();
		prove(number_of(i));
	}
	call(STREAM_PLACES);
	settle();
	assert_true(wire_gone(callers[STREAM_PLACES]));
	assert_false(wire_gone(callers[0]));
}

static void one_source_has_64_strangers(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < STREAM_SOURCE_MAX; i++)
		call_from(i, 0x0a000001);
	call(100);
	settle();
	call_from(101, 0x0a000001);
	settle();
	assert_true(wire_gone(callers[101]));
	assert_false(wire_gone(callers[100]));
	prove(number_of(5)); /* a peer does not count */
	call_from(102, 0x0a000001);
	settle();
	assert_false(wire_gone(callers[102]));
}

static void an_ip6_network_of_64_bits_is_one_source(void **state)
{
	struct endpoint from = { .port = 1 };
	struct addr to = addr_ip4(0xcb007101u);

	(void)state;
	for (unsigned int i = 0; i <= STREAM_SOURCE_MAX; i++) {
		addr_parse("2001:db8::", &from.addr);
		from.addr.bytes[15] = (uint8_t)i;
		callers[i] = wire_connect(&from, &to);
	}
	settle();
	from.addr.bytes[7] = 1;
	callers[100] = wire_connect(&from, &to);
	settle();
	assert_true(wire_gone(callers[STREAM_SOURCE_MAX]));
	assert_false(wire_gone(callers[100]));
}

static void without_descriptors_accepting_pauses_for_a_second(void **state)
{
	(void)state;
	call(1);
	wire_accept_fails(EMFILE);
	settle(); /* and does not spin */
	assert_int_equal(stream_server_connections(server), 0);
	pass(NS_PER_S - 1);
	assert_int_equal(stream_server_connections(server), 0);
	pass(1);
	assert_int_equal(stream_server_connections(server), 1);
}

static void a_caller_who_has_gone_again_stops_nobody(void **state)
{
	(void)state;
	call(1);
	wire_accept_fails(ECONNABORTED);
	settle();
	assert_int_equal(stream_server_connections(server), 1);
}

static void it_stops_when_told(void **state)
{
	(void)state;
	assert_false(stream_server_stopped(server));
	post_insist(post, post_main(WORKERS), post_stream(WORKERS), POST_STOP, NULL, 0);
	stream_server_run(server);
	assert_true(stream_server_stopped(server));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(messages_go_to_their_owners_as_groups),
		T(what_is_no_message_is_counted_and_goes_nowhere),
		T(a_full_ring_drops_and_counts),
		T(answers_find_their_connection),
		T(a_stranger_is_closed_after_20_seconds),
		T(tls_has_10_seconds),
		T(a_silent_plain_connection_has_20_seconds_too),
		T(a_peer_stays_however_idle),
		T(workers_hear_of_a_peers_end_and_what_goes_there_is_stale),
		T(a_stream_that_no_peer_needs_is_closed),
		T(what_came_before_the_end_is_still_read),
		T(a_congested_stream_drops_and_its_stale_messages_count_once),
		T(at_the_limit_the_oldest_stranger_makes_room),
		T(where_all_are_peers_the_new_one_is_refused),
		T(one_source_has_64_strangers),
		T(an_ip6_network_of_64_bits_is_one_source),
		T(without_descriptors_accepting_pauses_for_a_second),
		T(a_caller_who_has_gone_again_stops_nobody),
		T(it_stops_when_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
