/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/stream_queue.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/wire.h"
#include "io/stream.h"
#include "packet/frames.h"

#define START (100 * NS_PER_S)
#define LATE  (START + STREAM_STALE + 1)

static uint8_t message[65535];

static int put(struct stream_queue *q, uint8_t mark, size_t len, uint64_t now)
{
	memset(message, mark, len);
	return queue_put(q, message, len, len, now);
}

/* The message of the frame that begins @at bytes behind the front. */
static uint8_t mark_at(const struct stream_queue *q, size_t at)
{
	return q->data[q->at + at + FRAME_HEADER];
}

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct stream_queue));
	return 0;
}

static int teardown(void **state)
{
	queue_release(*state);
	free(*state);
	return 0;
}

static void messages_wait_in_their_order(void **state)
{
	struct stream_queue *q = *state;

	memcpy(message, "abcde", 5);
	assert_int_equal(queue_put(q, message, 5, 2, START), 0);
	assert_int_equal(put(q, 'x', 1, START), 0);
	assert_int_equal(queue_len(q), 14);
	assert_memory_equal(q->data, "\0\2ab\0\2cd\0\1e\0\1x", 14);
	queue_written(q, 14);
	assert_int_equal(queue_len(q), 0);
}

static void more_than_fits_is_refused_whole(void **state)
{
	struct stream_queue *q = *state;
	size_t before;

	assert_int_equal(put(q, 'a', 60000, START), 0);
	assert_int_equal(put(q, 'b', 60000, START), 0);
	before = queue_len(q);
	assert_int_equal(put(q, 'c', 60000, START), -EAGAIN);
	assert_int_equal(queue_len(q), before);
	assert_int_equal(put(q, 'c', STREAM_QUEUE - before - FRAME_HEADER, START), 0);
	assert_int_equal(queue_len(q), STREAM_QUEUE);
	assert_int_equal(put(q, 'd', 1, START), -EAGAIN);
	/* What is written makes room, though it lies at the front. */
	queue_written(q, 60002);
	assert_int_equal(put(q, 'd', 60000, START), 0);
	assert_int_equal(mark_at(q, 0), 'b');
	assert_int_equal(queue_len(q), STREAM_QUEUE);
}

static void what_has_waited_too_long_goes_and_the_rest_stays(void **state)
{
	struct stream_queue *q = *state;

	assert_int_equal(put(q, 'a', 100, START), 0);
	assert_int_equal(put(q, 'b', 200, START), 0);
	assert_int_equal(put(q, 'c', 300, LATE), 0); /* this itself takes the first two out */
	assert_int_equal(q->stale, 2);
	assert_int_equal(queue_len(q), 302);
	assert_int_equal(mark_at(q, 0), 'c');
	queue_drop_stale(q, LATE + STREAM_STALE);
	assert_int_equal(queue_len(q), 302);
	queue_drop_stale(q, LATE + STREAM_STALE + 1);
	assert_int_equal(q->stale, 3);
	assert_int_equal(queue_len(q), 0);
}

static void stale_messages_make_room_for_new_ones(void **state)
{
	struct stream_queue *q = *state;

	assert_int_equal(put(q, 'a', 65000, START), 0);
	assert_int_equal(put(q, 'b', 65000, START), 0);
	assert_int_equal(put(q, 'c', 65000, START), -EAGAIN);
	assert_int_equal(put(q, 'c', 65000, LATE), 0);
	assert_int_equal(q->stale, 2);
}

static void a_frame_that_was_begun_is_ended(void **state)
{
	struct stream_queue *q = *state;

	assert_int_equal(put(q, 'a', 100, START), 0);
	assert_int_equal(put(q, 'b', 100, START), 0);
	assert_int_equal(put(q, 'c', 100, LATE - 1), 0);
	queue_written(q, 1); /* half of a length */
	queue_drop_stale(q, LATE);
	assert_int_equal(q->stale, 1);
	assert_int_equal(queue_len(q), 101 + 102);
	assert_int_equal(q->data[q->at], 100); /* the other half */
	assert_int_equal(mark_at(q, 101), 'c');
	queue_written(q, 101);
	queue_drop_stale(q, LATE);
	assert_int_equal(mark_at(q, 0), 'c');
	assert_int_equal(q->stale, 1);
}

static void what_is_encrypted_is_written_to_the_end_of_its_last_frame(void **state)
{
	struct stream_queue *q = *state;

	for (uint8_t mark = 'a'; mark < 'f'; mark++)
		assert_int_equal(put(q, mark, 100, START), 0);
	q->taken = 102 + 50; /* into the second frame */
	queue_drop_stale(q, LATE);
	assert_int_equal(q->stale, 3);
	assert_int_equal(queue_len(q), 204);
	assert_int_equal(mark_at(q, 0), 'a');
	assert_int_equal(mark_at(q, 102), 'b');
	queue_written(q, 152);
	assert_int_equal(put(q, 'g', 100, LATE), 0);
	assert_int_equal(mark_at(q, 52), 'g');
	assert_int_equal(q->stale, 3);
}

/*
 * Random puts, writes and waits: the bytes written are whole frames in their order, none that was put is
 * missing but for those counted, and none that was begun was stale.
 */
static void whatever_happens_the_stream_stays_one(void **state)
{
	struct stream_queue *q = *state;
	static uint8_t out[4 << 20];
	static uint64_t put_at[1 << 16];
	struct rng rng = rng_seeded(77);
	uint32_t n_put = 0, n_got = 0, next = 0;
	size_t written = 0, parsed = 0;
	uint64_t now = START;

	while (written < sizeof(out) - STREAM_QUEUE && n_put < 65000) {
		size_t n = 4 + rng_below(&rng, 1500);
		bool taken = rng_below(&rng, 3) == 0;

		now += rng_below(&rng, (uint32_t)(STREAM_STALE / 40));
		store_be32(message, n_put);
		if (queue_put(q, message, n, n, now) == 0)
			put_at[n_put++] = now;
		if (rng_below(&rng, 2))
			continue;
		queue_drop_stale(q, now);
		n = rng_below(&rng, (uint32_t)queue_len(q) + 1);
		n = rng_below(&rng, 4) ? n % 3000 : n;
		if (taken) {
			q->taken = n;
			now += rng_below(&rng, (uint32_t)STREAM_STALE);
			queue_drop_stale(q, now);
		}
		memcpy(out + written, q->data + q->at, n);
		written += n;
		queue_written(q, n);
		while (written - parsed >= 6 && written - parsed >= 2u + load_be16(out + parsed)) {
			uint32_t number = load_be32(out + parsed + 2);

			assert_true(number >= next && number < n_put);
			next = number + 1;
			n_got++;
			parsed += 2u + load_be16(out + parsed);
		}
		assert_true(queue_len(q) == 0 || q->n_times > 0);
		assert_true(q->n_times <= QUEUE_TIMES);
	}
	assert_true(q->stale > 100);
	/* All that is left is in the queue, one perhaps begun. */
	n_got += frames_count(q->data + q->at + q->begun, queue_len(q) - q->begun);
	assert_int_equal(n_got + q->stale + (q->begun > 0 || written > parsed), n_put);
	assert_true(now - put_at[next] < 3 * STREAM_STALE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(messages_wait_in_their_order, setup, teardown),
		cmocka_unit_test_setup_teardown(more_than_fits_is_refused_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(what_has_waited_too_long_goes_and_the_rest_stays,
						setup, teardown),
		cmocka_unit_test_setup_teardown(stale_messages_make_room_for_new_ones, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_frame_that_was_begun_is_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_encrypted_is_written_to_the_end_of_its_last_frame, setup, teardown),
		cmocka_unit_test_setup_teardown(whatever_happens_the_stream_stays_one, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
