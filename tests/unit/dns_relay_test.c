/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "dns/dns.h"
#include "dns_build.h"

#define MS NS_PER_MS

static struct dns_relay *relay;
static struct rng rng;

static void use_upstreams(uint8_t n, bool stream_only)
{
	struct dns_upstreams ups = { .n = n };

	for (uint8_t i = 0; i < n; i++)
		ups.at[i] = (struct dns_upstream){ .alive = true, .stream_only = stream_only };
	dns_relay_set_upstreams(relay, &ups, 0);
}

static int setup(void **state)
{
	const struct dns_relay_params params = { .queries = 16, .askers = 24, .per_client = 20 };

	(void)state;
	rng = rng_seeded(3);
	if (dns_relay_new(&params, &rng, &relay) < 0)
		return -1;
	use_upstreams(2, false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	relay = dns_relay_free(relay);
	return 0;
}

static enum dns_ask ask(const char *name, uint16_t id, uint32_t src, uint64_t now, uint32_t *query)
{
	struct built b = build(id, 0x0100, name, BUILD_A);
	struct dns_asker asker = { .id = id, .src = src, .limit = 512 };
	struct dns_query q;

	assert_int_equal(dns_query_parse(b.bytes, b.len, &q), DNS_QUERY_OK);
	return dns_relay_ask(relay, &q, b.bytes, b.len, &asker, now, query);
}

static uint32_t ask_new(const char *name, uint64_t now)
{
	uint32_t query;

	assert_int_equal(ask(name, 77, 1, now, &query), DNS_ASK_NEW);
	return query;
}

/* Steps until there is nothing to do.  Return: how many were sent; the last in *send. */
static int steps(uint32_t query, uint64_t now, struct dns_send *send, enum dns_step *end)
{
	struct dns_send one;
	int n = 0;

	while ((*end = dns_relay_step(relay, query, now, &one)) == DNS_STEP_SEND) {
		*send = one;
		n++;
	}
	return n;
}

static struct dns_send send_one(uint32_t query, uint64_t now)
{
	struct dns_send send = { 0 };
	enum dns_step end;

	assert_int_equal(steps(query, now, &send, &end), 1);
	assert_int_equal(end, DNS_STEP_WAIT);
	return send;
}

/* The answer to what was sent, with flags and one address. */
static struct built reply_to(const struct dns_send *send, const char *name, uint16_t flags)
{
	struct built b = build(load_be16(send->message), flags, name, BUILD_A);

	build_record(&b, 0, BUILD_A, 60, "\xc0\0\2\1", 4);
	return b;
}

static enum dns_reply_verdict reply(uint32_t attempt, const struct built *b, uint64_t now)
{
	return dns_relay_reply(relay, attempt, b->bytes, b->len, now);
}

static void an_answer_ends_the_query_for_all_who_ask_the_same(void **state)
{
	uint32_t query = ask_new("a.example", 0);
	struct dns_send send = send_one(query, 0);
	struct built b = reply_to(&send, "a.example", 0x8180);
	struct dns_asker asker;
	uint32_t again;

	(void)state;
	assert_int_equal(send.upstream, 0);
	assert_false(send.stream);
	assert_int_equal(ask("a.example", 78, 2, 1, &again), DNS_ASK_JOINED);
	assert_int_equal(again, query);
	assert_int_equal(ask("A.example", 78, 2, 1, &again), DNS_ASK_NEW); /* spelled otherwise */
	dns_relay_end(relay, again);
	assert_int_equal(reply(send.attempt, &b, 5 * MS), DNS_REPLY_ACCEPTED);
	assert_true(dns_relay_take_asker(relay, query, &asker));
	assert_int_equal(asker.id, 78);
	assert_true(dns_relay_take_asker(relay, query, &asker));
	assert_int_equal(asker.id, 77);
	assert_false(dns_relay_take_asker(relay, query, &asker));
	dns_relay_end(relay, query);
	assert_int_equal(dns_relay_in_flight(relay), 0);
	assert_int_equal(reply(send.attempt, &b, 6 * MS), DNS_REPLY_IGNORED);
	assert_int_equal(dns_relay_upstreams(relay)->at[0].rtt, 5 * MS);
}

static void a_spoofed_reply_is_ignored_and_the_right_one_taken(void **state)
{
	uint32_t query = ask_new("a.example", 0);
	struct dns_send send = send_one(query, 0);
	struct built right = reply_to(&send, "a.example", 0x8180);
	struct built other_id = right;
	struct built other_name = reply_to(&send, "b.example", 0x8180);

	(void)state;
	store_be16(other_id.bytes, (uint16_t)(load_be16(right.bytes) + 1));
	for (int i = 0; i < 7; i++) {
		assert_int_equal(reply(send.attempt, &other_id, MS), DNS_REPLY_IGNORED);
		assert_int_equal(reply(send.attempt, &other_name, MS), DNS_REPLY_IGNORED);
	}
	assert_int_equal(reply(send.attempt, &right, MS), DNS_REPLY_ACCEPTED);
}

static void many_wrong_replies_move_the_query_to_a_stream(void **state)
{
	uint32_t query = ask_new("a.example", 0);
	struct dns_send send = send_one(query, 0);
	struct built wrong = reply_to(&send, "b.example", 0x8180);
	int n = 0;

	(void)state;
	while (reply(send.attempt, &wrong, MS) == DNS_REPLY_IGNORED)
		n++;
	assert_int_equal(n, 15);
	send = send_one(query, MS);
	assert_true(send.stream);
	assert_int_equal(send.upstream, 0);
}

static void the_second_upstream_is_asked_after_300_ms(void **state)
{
	uint32_t query = ask_new("a.example", 0);
	struct dns_send first = send_one(query, 0);
	struct dns_send second;
	struct built b;

	(void)state;
	assert_true(dns_relay_next_deadline(relay) <= 300 * MS);
	assert_int_equal(dns_relay_due(relay, 299 * MS), UINT32_MAX);
	assert_int_equal(dns_relay_due(relay, 300 * MS), query);
	second = send_one(query, 300 * MS);
	assert_int_equal(second.upstream, 1);
	assert_true(second.attempt != first.attempt);
	b = reply_to(&second, "a.example", 0x8180);
	assert_int_equal(reply(second.attempt, &b, 310 * MS), DNS_REPLY_ACCEPTED);
	assert_int_equal(dns_relay_upstreams(relay)->at[0].failures, 1);
}

static void nobody_waits_longer_than_5_s(void **state)
{
	uint32_t query = ask_new("a.example", 0);
	enum dns_step end = DNS_STEP_WAIT;
	struct dns_send send;
	uint64_t now = 0;
	int sent = 0;

	(void)state;
	for (int i = 0; i < 20 && end != DNS_STEP_EXPIRED; i++) {
		sent += steps(query, now, &send, &end);
		if (end == DNS_STEP_WAIT)
			now = dns_relay_next_deadline(relay);
		while (end == DNS_STEP_WAIT && dns_relay_due(relay, now) == UINT32_MAX)
			now = dns_relay_next_deadline(relay);
	}
	assert_int_equal(end, DNS_STEP_EXPIRED);
	assert_int_equal(now, 5000 * MS);
	assert_in_range(sent, 4, 10);
}

static void what_fails_at_once_is_asked_elsewhere_at_once(void **state)
{
	uint32_t query = ask_new("a.example", 0);
	struct dns_send send = send_one(query, 0);

	(void)state;
	dns_relay_attempt_failed(relay, send.attempt, true, MS);
	assert_int_equal(dns_relay_due(relay, MS), query);
	send = send_one(query, MS);
	assert_int_equal(send.upstream, 1);
}

static void when_all_refuse_twice_the_client_is_told(void **state)
{
	uint32_t query = ask_new("a.example", 0);
	enum dns_step end = DNS_STEP_WAIT;
	struct dns_send send;
	uint64_t now = 0;
	int sent = 0;

	(void)state;
	while (sent < 20) {
		end = dns_relay_step(relay, query, now, &send);
		if (end == DNS_STEP_EXPIRED)
			break;
		if (end == DNS_STEP_SEND) {
			sent++;
			dns_relay_attempt_failed(relay, send.attempt, true, now);
		} else {
			now += 100 * MS;
		}
	}
	assert_int_equal(end, DNS_STEP_EXPIRED);
	assert_int_equal(sent, 4);
	assert_true(now < 2000 * MS);
}

static void a_dead_upstream_is_passed_by_and_probed(void **state)
{
	struct dns_send send;
	enum dns_step end;
	struct built b;
	uint32_t query;

	(void)state;
	for (int i = 0; i < 3; i++) {
		query = ask_new("a.example", 0);
		(void)send_one(query, 0);
		(void)send_one(query, 300 * MS);
		dns_relay_end(relay, query);
	}
	assert_false(dns_relay_upstreams(relay)->at[0].alive);
	query = ask_new("a.example", 1000 * MS);
	send = send_one(query, 1000 * MS);
	assert_int_equal(send.upstream, 1);
	dns_relay_end(relay, query);
	/* Later it is asked beside the living one, and its answer counts. */
	query = ask_new("a.example", 6000 * MS);
	assert_int_equal(steps(query, 6000 * MS, &send, &end), 2);
	assert_int_equal(send.upstream, 0);
	b = reply_to(&send, "a.example", 0x8180);
	assert_int_equal(reply(send.attempt, &b, 6001 * MS), DNS_REPLY_ACCEPTED);
	assert_true(dns_relay_upstreams(relay)->at[0].alive);
}

static void a_truncated_answer_is_fetched_by_stream(void **state)
{
	uint32_t query = ask_new("a.example", 0);
	struct dns_send send = send_one(query, 0);
	struct built b = reply_to(&send, "a.example", 0x8380);
	uint16_t id;

	(void)state;
	assert_int_equal(reply(send.attempt, &b, MS), DNS_REPLY_AGAIN);
	send = send_one(query, MS);
	assert_true(send.stream);
	assert_int_equal(send.upstream, 0);
	id = load_be16(send.message);
	assert_int_equal(dns_relay_find(relay, 0, id), send.attempt);
	assert_int_equal(dns_relay_find(relay, 1, id), DNS_NO_ATTEMPT);
	b = reply_to(&send, "a.example", 0x8180);
	assert_int_equal(reply(send.attempt, &b, 2 * MS), DNS_REPLY_ACCEPTED);
	dns_relay_end(relay, query);
	assert_int_equal(dns_relay_find(relay, 0, id), DNS_NO_ATTEMPT);
}

static void a_failing_upstream_gives_way_to_the_next(void **state)
{
	uint32_t query = ask_new("a.example", 0);
	struct dns_send send = send_one(query, 0);
	struct built b = reply_to(&send, "a.example", 0x8182);

	(void)state;
	assert_int_equal(reply(send.attempt, &b, MS), DNS_REPLY_AGAIN);
	send = send_one(query, MS);
	assert_int_equal(send.upstream, 1);
	b = reply_to(&send, "a.example", 0x8182); /* nobody is left: it is the answer */
	assert_int_equal(reply(send.attempt, &b, 2 * MS), DNS_REPLY_ACCEPTED);
}

static void a_kept_connection_that_ends_is_forgiven_once(void **state)
{
	struct dns_send send;
	uint32_t query;

	(void)state;
	use_upstreams(1, true);
	query = ask_new("a.example", 0);
	send = send_one(query, 0);
	assert_true(send.stream);
	dns_relay_stream_lost(relay, 0, true, MS);
	assert_int_equal(dns_relay_due(relay, MS), query);
	send = send_one(query, MS);
	assert_true(send.stream);
	assert_int_equal(dns_relay_upstreams(relay)->at[0].failures, 0);
	dns_relay_stream_lost(relay, 0, true, 2 * MS);
	assert_int_equal(dns_relay_upstreams(relay)->at[0].failures, 1);
	assert_int_equal(dns_relay_due(relay, 2 * MS), UINT32_MAX); /* not before its second */
	assert_int_equal(dns_relay_due(relay, 1000 * MS), query);
}

static void the_edns_size_is_lowered_for_udp_and_nothing_else_changes(void **state)
{
	struct built b = build(1, 0x0110, "a.example", BUILD_A);
	struct dns_asker asker = { .id = 1, .src = 1 };
	struct dns_send send;
	struct dns_query q;
	uint32_t query;

	(void)state;
	build_opt(&b, 4096, 0x8000, "\xff\xfe\0\2ab", 6);
	assert_int_equal(dns_query_parse(b.bytes, b.len, &q), DNS_QUERY_OK);
	assert_int_equal(dns_relay_ask(relay, &q, b.bytes, b.len, &asker, 0, &query), DNS_ASK_NEW);
	send = send_one(query, 0);
	assert_int_equal(send.len, b.len);
	assert_int_equal(load_be16(send.message + q.edns_at + 3), 1232);
	store_be16(b.bytes, load_be16(send.message));
	store_be16(b.bytes + q.edns_at + 3, 1232);
	assert_memory_equal(send.message, b.bytes, b.len);
}

static void limits_refuse_and_recover(void **state)
{
	uint32_t queries[16];
	uint32_t query;
	char name[16];

	(void)state;
	for (int i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		assert_int_equal(ask(name, 1, 1, 0, &queries[i]), DNS_ASK_NEW);
	}
	assert_int_equal(ask("more.example", 1, 2, 0, &query), DNS_ASK_FULL);
	for (int i = 0; i < 4; i++)
		assert_int_equal(ask("n3.example", 1, 1, 0, &query), DNS_ASK_JOINED);
	assert_int_equal(ask("n3.example", 1, 1, 0, &query), DNS_ASK_FULL); /* 20 of client 1 */
	for (int i = 0; i < 4; i++)
		assert_int_equal(ask("n3.example", 1, 2, 0, &query), DNS_ASK_JOINED);
	assert_int_equal(ask("n3.example", 1, 2, 0, &query), DNS_ASK_FULL); /* 24 in all */
	for (int i = 0; i < 16; i++)
		dns_relay_end(relay, queries[i]);
	assert_int_equal(dns_relay_in_flight(relay), 0);
	assert_int_equal(ask("n3.example", 1, 1, 0, &query), DNS_ASK_NEW);
}

static void other_upstreams_are_asked_what_was_in_flight(void **state)
{
	uint32_t query = ask_new("a.example", 0);
	struct dns_send old = send_one(query, 0);
	struct built b = reply_to(&old, "a.example", 0x8180);
	struct dns_send send;

	(void)state;
	use_upstreams(1, false);
	assert_int_equal(dns_relay_due(relay, MS), query);
	send = send_one(query, MS);
	assert_int_equal(send.upstream, 0);
	/* The former one may answer, and says nothing about the new one. */
	assert_int_equal(reply(old.attempt, &b, 2 * MS), DNS_REPLY_ACCEPTED);
	assert_int_equal(dns_relay_upstreams(relay)->at[0].rtt, 0);
}

static void without_upstreams_the_answer_is_at_once(void **state)
{
	struct dns_send send;
	uint32_t query;

	(void)state;
	use_upstreams(0, false);
	query = ask_new("a.example", 0);
	assert_int_equal(dns_relay_step(relay, query, 0, &send), DNS_STEP_EXPIRED);
}

static void ids_are_not_predictable_from_the_last(void **state)
{
	uint32_t query = ask_new("a.example", 0);
	uint16_t ids[4];
	uint64_t now = 0;

	(void)state;
	for (int i = 0; i < 4; i++) {
		ids[i] = load_be16(send_one(query, now).message);
		now += 1000 * MS;
	}
	assert_true(ids[1] - ids[0] != ids[2] - ids[1] || ids[2] - ids[1] != ids[3] - ids[2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(an_answer_ends_the_query_for_all_who_ask_the_same),
		T(a_spoofed_reply_is_ignored_and_the_right_one_taken),
		T(many_wrong_replies_move_the_query_to_a_stream),
		T(the_second_upstream_is_asked_after_300_ms),
		T(nobody_waits_longer_than_5_s),
		T(what_fails_at_once_is_asked_elsewhere_at_once),
		T(when_all_refuse_twice_the_client_is_told),
		T(a_dead_upstream_is_passed_by_and_probed),
		T(a_truncated_answer_is_fetched_by_stream),
		T(a_failing_upstream_gives_way_to_the_next),
		T(a_kept_connection_that_ends_is_forgiven_once),
		T(the_edns_size_is_lowered_for_udp_and_nothing_else_changes),
		T(limits_refuse_and_recover),
		T(other_upstreams_are_asked_what_was_in_flight),
		T(without_upstreams_the_answer_is_at_once),
		T(ids_are_not_predictable_from_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
