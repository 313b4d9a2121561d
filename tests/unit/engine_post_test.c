/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/post.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define WORKERS 2u

static struct post *fresh(void)
{
	struct post *post;

	assert_int_equal(post_new(WORKERS, &post), 0);
	return post;
}

static bool is_awake(const struct post *post, unsigned int to)
{
	struct pollfd p = { .fd = post_fd(post, to), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void a_message_arrives_whole_aligned_and_from_whom_it_is(void **state)
{
	struct post *post = fresh();
	struct post_lease lease = { 1, NAT_UDP, 4096 };
	struct post_lease got;
	struct post_message m;

	(void)state;
	assert_false(post_receive(post, 1, &m));
	assert_true(post_send(post, post_main(WORKERS), 1, POST_LEASE, &lease, sizeof(lease),
			      "tail", 4));
	assert_true(is_awake(post, 1));
	assert_false(is_awake(post, 0));
	assert_true(post_receive(post, 1, &m));
	assert_int_equal(m.kind, POST_LEASE);
	assert_int_equal(m.from, post_main(WORKERS));
	assert_int_equal(m.len, sizeof(lease) + 4);
	assert_int_equal((uintptr_t)m.body % 16, 0);
	memcpy(&got, m.body, sizeof(got));
	assert_int_equal(got.first, 4096);
	assert_memory_equal(m.body + sizeof(lease), "tail", 4);
	assert_false(post_receive(post, 1, &m));
	assert_false(is_awake(post, 1));
	post_free(post);
}

/* Fills the ring from worker 0 to worker 1 with trains of 4000 bytes.  Returns how many. */
static unsigned int fill_with_trains(struct post *post)
{
	static const uint8_t packet[4000];
	struct post_train head = { .len = sizeof(packet) };
	unsigned int n = 0;

	while (post_send(post, 0, 1, POST_TRAIN_TO_PEER, &head, sizeof(head), packet,
			 sizeof(packet)))
		n++;
	return n;
}

static void packets_leave_room_for_state(void **state)
{
	struct post *post = fresh();
	struct post_peer body = { .peer = 7 };
	struct post_message m;
	unsigned int trains = fill_with_trains(post);
	unsigned int n = 0;

	(void)state;
	assert_true(trains > 200);
	while (post_send(post, 0, 1, POST_ENDPOINT, &body, sizeof(body), NULL, 0))
		n++;
	assert_true(n > 400);
	for (unsigned int i = 0; i < trains + n; i++) {
		assert_true(post_receive(post, 1, &m));
		assert_int_equal(m.kind, i < trains ? POST_TRAIN_TO_PEER : POST_ENDPOINT);
	}
	assert_false(post_receive(post, 1, &m));
	/* And is whole again. */
	assert_true(fill_with_trains(post) + 20 > trains);
	post_free(post);
}

static void a_full_ring_is_one_pair_s_own(void **state)
{
	struct post *post = fresh();

	(void)state;
	fill_with_trains(post);
	assert_true(post_send(post, 1, 0, POST_TRIM, NULL, 0, NULL, 0));
	assert_true(post_send(post, post_main(WORKERS), 1, POST_TRIM, NULL, 0, NULL, 0));
	post_free(post);
}

static void no_sender_starves_another(void **state)
{
	struct post *post = fresh();
	struct post_message m;
	unsigned int before = 0;

	(void)state;
	fill_with_trains(post);
	assert_true(post_send(post, post_main(WORKERS), 1, POST_STOP, NULL, 0, NULL, 0));
	do {
		assert_true(post_receive(post, 1, &m));
		before++;
	} while (m.kind != POST_STOP);
	assert_true(before <= 2);
	post_free(post);
}

#define MANY 100000u

static void *send_many(void *arg)
{
	struct post *post = arg;

	for (uint32_t i = 0; i < MANY; i++) {
		struct post_peer body = { .peer = i };

		post_insist(post, post_main(WORKERS), 0, POST_ENDPOINT, &body, sizeof(body));
		if (i % 4 == 0)
			sched_yield(); /* so that the receiver often finds nothing */
	}
	return NULL;
}

static void what_is_insisted_on_arrives_and_no_wake_up_is_lost(void **state)
{
	struct post *post = fresh();
	struct pollfd p = { .fd = post_fd(post, 0), .events = POLLIN };
	struct post_message m;
	pthread_t thread;
	uint32_t next = 0;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, send_many, post), 0);
	while (next < MANY) {
		assert_int_equal(poll(&p, 1, 10000), 1);
		while (post_receive(post, 0, &m))
			assert_int_equal(((struct post_peer *)(void *)m.body)->peer, next++);
	}
	pthread_join(thread, NULL);
	post_free(post);
}

static void a_message_belongs_to_the_worker_of_its_slot_or_to_the_handshake_thread(void **state)
{
	uint8_t m[WG_INITIATION_LEN] = { WG_DATA };

	(void)state;
	for (unsigned int slot = 0; slot < WG_SLOTS; slot++) {
		m[4] = (uint8_t)slot;
		assert_int_equal(post_owner(3, m, 64), slot % 3);
	}
	m[0] = WG_INITIATION;
	assert_int_equal(post_owner(3, m, WG_INITIATION_LEN), post_handshake(3));
	m[0] = WG_RESPONSE;
	assert_int_equal(post_owner(3, m, WG_RESPONSE_LEN), post_handshake(3));
	m[0] = WG_COOKIE_REPLY;
	assert_int_equal(post_owner(3, m, WG_COOKIE_REPLY_LEN), post_handshake(3));
	assert_int_equal(post_owner(3, m, 64 + 1), POST_NOBODY);
	m[0] = 5;
	assert_int_equal(post_owner(3, m, 64), POST_NOBODY);
	assert_int_equal(post_owner(3, m, 0), POST_NOBODY);
}

static void messages_for_a_stream_cross_as_a_group(void **state)
{
	static uint8_t data[300];
	struct post *post = fresh();
	struct post_message m;
	const struct post_stream_send *head;

	(void)state;
	data[299] = 7;
	assert_true(post_to_stream(post, 1, WORKERS, 1025, data, sizeof(data), 128));
	assert_true(post_receive(post, post_stream(WORKERS), &m));
	assert_int_equal(m.kind, POST_STREAM_SEND);
	assert_int_equal(m.from, 1);
	head = (const void *)m.body;
	assert_int_equal(head->stream, 1025);
	assert_int_equal(head->segment, 128);
	assert_int_equal(head->len, sizeof(data));
	assert_memory_equal(m.body + sizeof(*head), data, sizeof(data));
	post_free(post);
}

static void as_many_threads_as_there_may_be(void **state)
{
	struct post *post;

	(void)state;
	assert_int_equal(post_new(62, &post), -EINVAL);
	assert_int_equal(post_new(1, &post), 0);
	assert_null(post_free(post));
	assert_null(post_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_arrives_whole_aligned_and_from_whom_it_is),
		cmocka_unit_test(packets_leave_room_for_state),
		cmocka_unit_test(a_full_ring_is_one_pair_s_own),
		cmocka_unit_test(no_sender_starves_another),
		cmocka_unit_test(
			a_message_belongs_to_the_worker_of_its_slot_or_to_the_handshake_thread),
		cmocka_unit_test(messages_for_a_stream_cross_as_a_group),
		cmocka_unit_test(what_is_insisted_on_arrives_and_no_wake_up_is_lost),
		cmocka_unit_test(as_many_threads_as_there_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
