/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/stream_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "io/stream.h"
#include "packet/frames.h"

#define TIME_APART (STREAM_STALE / 16) /* what comes sooner than this counts as come together */

static struct queue_time *time_at(struct stream_queue *q, unsigned int i)
{
	return &q->times[(q->first + i) % QUEUE_TIMES];
}

static void note_time(struct stream_queue *q, size_t bytes, uint64_t now)
{
	struct queue_time *last = q->n_times > 0 ? time_at(q, q->n_times - 1) : NULL;

	if (last && (now < last->since + TIME_APART || q->n_times == QUEUE_TIMES))
		last->bytes += bytes;
	else
		*time_at(q, q->n_times++) = (struct queue_time){ now, bytes };
}

int queue_put(struct stream_queue *q, const uint8_t *data, size_t len, size_t segment, uint64_t now)
{
	size_t room = frames_room(len, segment);

	queue_drop_stale(q, now);
	if (queue_len(q) + room > STREAM_QUEUE)
		return -EAGAIN;
	if (!q->data) {
		q->data = malloc(STREAM_QUEUE);
		if (!q->data)
			return -ENOMEM;
	}
	if (q->end + room > STREAM_QUEUE) {
		memmove(q->data, q->data + q->at, queue_len(q));
		q->end -= q->at;
		q->at = 0;
	}
	frames_write(q->data + q->end, data, len, segment);
	q->end += room;
	note_time(q, room, now);
	return 0;
}

/* Bytes at the front that the other side must get: to the end of the last frame that was begun. */
static size_t owed(const struct stream_queue *q)
{
	size_t n = q->begun;

	while (n < q->taken)
		n += FRAME_HEADER + load_be16(q->data + q->at + n);
	return n;
}

void queue_drop_stale(struct stream_queue *q, uint64_t now)
{
	size_t keep = owed(q);
	unsigned int n = 0;
	size_t stale = 0;

	while (n < q->n_times && now > time_at(q, n)->since + STREAM_STALE)
		stale += time_at(q, n++)->bytes;
	if (stale <= keep)
		return;
	q->stale += frames_count(q->data + q->at + keep, stale - keep);
	memmove(q->data + q->at + stale - keep, q->data + q->at, keep);
	q->at += stale - keep;
	/* What is owed keeps the time of the last that went. */
	if (keep > 0)
		time_at(q, --n)->bytes = keep;
	q->first = (q->first + n) % QUEUE_TIMES;
	q->n_times -= n;
	if (q->at == q->end)
		q->at = q->end = 0;
}

static void forget_times(struct stream_queue *q, size_t bytes)
{
	while (bytes > 0) {
		struct queue_time *oldest = time_at(q, 0);
		size_t n = bytes < oldest->bytes ? bytes : oldest->bytes;

		bytes -= n;
		oldest->bytes -= n;
		if (oldest->bytes == 0) {
			q->first = (q->first + 1) % QUEUE_TIMES;
			q->n_times--;
		}
	}
}

void queue_written(struct stream_queue *q, size_t n)
{
	forget_times(q, n);
	q->taken = 0;
	while (n > 0) {
		size_t step;

		if (q->begun == 0)
			q->begun = FRAME_HEADER + load_be16(q->data + q->at);
		step = n < q->begun ? n : q->begun;
		q->begun -= step;
		q->at += step;
		n -= step;
	}
	if (q->at == q->end)
		q->at = q->end = 0;
}

void queue_release(struct stream_queue *q)
{
	free(q->data);
	q->data = NULL;
}
