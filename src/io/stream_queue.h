/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream_queue.h - what a stream has not written yet
 *
 * Frames in the order in which they came, and when they came.  What has waited for too long is taken
 * out from the front, but never a frame of which a byte was written: the other side could
 * not tell where the next one begins.
 *
 * Pure.  For io/stream.c alone.
 */
#ifndef CULVERT_IO_STREAM_QUEUE_H
#define CULVERT_IO_STREAM_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#define QUEUE_TIMES 32 /* more than STREAM_STALE has of their distances */

struct queue_time {
	uint64_t since; /* ns */
	size_t bytes;   /* that came then or a little later */
};

struct stream_queue {
	uint8_t *data; /* STREAM_QUEUE bytes; NULL while nothing waits */
	size_t at;     /* the first byte that was not written */
	size_t end;
	size_t begun; /* bytes at `at` that end a frame of which some were written */
	size_t taken; /* bytes at `at` that are encrypted already: as good as written */
	struct queue_time times[QUEUE_TIMES]; /* a ring; the bytes of all are end - at */
	unsigned int first, n_times;
	uint32_t stale; /* messages taken out since somebody asked */
};

/**
 * queue_put() - messages behind all others
 * Return: 0; -EAGAIN: no room even without the stale ones, nothing was queued; -ENOMEM.
 */
int queue_put(struct stream_queue *q, const uint8_t *data, size_t len, size_t segment,
	      uint64_t now);

/** queue_drop_stale() - takes out what came more than STREAM_STALE before @now */
void queue_drop_stale(struct stream_queue *q, uint64_t now);

/** queue_written() - the first @n bytes are gone */
void queue_written(struct stream_queue *q, size_t n);

/** queue_release() - gives the memory back; nothing may wait */
void queue_release(struct stream_queue *q);

static inline size_t queue_len(const struct stream_queue *q)
{
	return q->end - q->at;
}

#endif
