/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/post.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/ring.h"
#include "io/loop.h"

/* Room for a few 64 KiB trains; memory is touched only where traffic crosses. */
#define RING_BYTES (1u << 20)
/* All of a peer's traffic crosses to or from the stream thread, in bursts: as a socket's queue. */
#define STREAM_RING_BYTES (4u << 20)
#define HEADER_LEN        16u /* the kind, padded so that bodies stay aligned */
#define THREADS_MAX       64u

/* Packets leave this much of a ring to messages that carry state: some 500 of these. */
#define HEADROOM (64u << 10)

#define PAUSE_NS 1000000L /* between two tries of post_insist() */

struct inbox {
	int fd;
	struct ring *pending; /* its oldest message is lent out */
	unsigned int next;    /* whose ring is looked at first: no sender starves another */
};

struct post {
	unsigned int n_threads;
	struct inbox inbox[THREADS_MAX];
	struct ring *rings[THREADS_MAX * THREADS_MAX]; /* [from * n_threads + to] */
};

static struct ring *ring_of(const struct post *post, unsigned int from, unsigned int to)
{
	return post->rings[from * post->n_threads + to];
}

unsigned int post_owner(unsigned int workers, const uint8_t *message, size_t len)
{
	int type = wg_message_type(message, len);

	if (type == 0)
		return POST_NOBODY;
	if (type != WG_DATA)
		return post_handshake(workers);
	return wg_receiver_index(message) % WG_SLOTS % workers;
}

static size_t ring_bytes(unsigned int workers, unsigned int from, unsigned int to)
{
	unsigned int stream = post_stream(workers);

	return from == stream || to == stream ? STREAM_RING_BYTES : RING_BYTES;
}

int post_new(unsigned int workers, struct post **ret)
{
	struct post *post;
	int r = 0;

	if (workers + 3 > THREADS_MAX)
		return -EINVAL;
	post = calloc(1, sizeof(*post));
	if (!post)
		return -ENOMEM;
	post->n_threads = workers + 3;
	for (unsigned int i = 0; i < THREADS_MAX; i++)
		post->inbox[i].fd = -1;
	for (unsigned int i = 0; i < post->n_threads && r >= 0; i++) {
		r = waker_new();
		post->inbox[i].fd = r;
	}
	for (unsigned int i = 0; i < post->n_threads * post->n_threads && r >= 0; i++)
		r = ring_new(ring_bytes(workers, i / post->n_threads, i % post->n_threads),
			     &post->rings[i]);
	if (r < 0) {
		post_free(post);
		return r;
	}
	*ret = post;
	return 0;
}

struct post *post_free(struct post *post)
{
	if (!post)
		return NULL;
	for (unsigned int i = 0; i < post->n_threads; i++)
		if (post->inbox[i].fd >= 0)
			close(post->inbox[i].fd);
	for (unsigned int i = 0; i < post->n_threads * post->n_threads; i++)
		ring_free(post->rings[i]);
	free(post);
	return NULL;
}

int post_fd(const struct post *post, unsigned int to)
{
	return post->inbox[to].fd;
}

/* Packets may be lost, as on any link; the rest is what threads know of each other. */
static bool is_packet(enum post_kind kind)
{
	return kind == POST_DATAGRAM || kind == POST_TRAIN_TO_PEER ||
	       kind == POST_TRAIN_FROM_OUTSIDE || kind == POST_TRAIN_TO_HOST ||
	       kind == POST_STREAM_SEND;
}

uint8_t *post_reserve(struct post *post, unsigned int from, unsigned int to, enum post_kind kind,
		      size_t len)
{
	size_t headroom = is_packet(kind) ? HEADROOM : 0;
	uint8_t *record = ring_reserve(ring_of(post, from, to), HEADER_LEN + len + headroom);

	if (!record)
		return NULL;
	memset(record, 0, HEADER_LEN);
	record[0] = (uint8_t)kind;
	return record + HEADER_LEN;
}

void post_commit(struct post *post, unsigned int from, unsigned int to, size_t len)
{
	if (ring_commit(ring_of(post, from, to), HEADER_LEN + len))
		waker_wake(post->inbox[to].fd);
}

bool post_send(struct post *post, unsigned int from, unsigned int to, enum post_kind kind,
	       const void *body, size_t body_len, const void *data, size_t data_len)
{
	uint8_t *p = post_reserve(post, from, to, kind, body_len + data_len);

	if (!p)
		return false;
	if (body_len > 0)
		memcpy(p, body, body_len);
	if (data_len > 0)
		memcpy(p + body_len, data, data_len);
	post_commit(post, from, to, body_len + data_len);
	return true;
}

bool post_to_stream(struct post *post, unsigned int from, unsigned int workers, uint32_t stream,
		    const uint8_t *data, uint32_t len, uint32_t segment)
{
	struct post_stream_send body = { .stream = stream, .len = len, .segment = segment };

	return post_send(post, from, post_stream(workers), POST_STREAM_SEND, &body, sizeof(body),
			 data, len);
}

void post_insist(struct post *post, unsigned int from, unsigned int to, enum post_kind kind,
		 const void *body, size_t body_len)
{
	static const struct timespec pause = { .tv_nsec = PAUSE_NS };

	while (!post_send(post, from, to, kind, body, body_len, NULL, 0))
		nanosleep(&pause, NULL);
}

/* Looks at every sender's ring once, beginning behind the last one served. */
static bool take(struct post *post, unsigned int to, struct post_message *ret)
{
	struct inbox *inbox = &post->inbox[to];

	for (unsigned int i = 0; i < post->n_threads; i++) {
		unsigned int from = (inbox->next + i) % post->n_threads;
		struct ring *ring = ring_of(post, from, to);
		size_t len;
		uint8_t *record = ring_peek(ring, &len);

		if (!record)
			continue;
		inbox->pending = ring;
		inbox->next = from + 1;
		*ret = (struct post_message){
			.kind = (enum post_kind)record[0],
			.from = from,
			.body = record + HEADER_LEN,
			.len = len - HEADER_LEN,
		};
		return true;
	}
	return false;
}

bool post_receive(struct post *post, unsigned int to, struct post_message *ret)
{
	struct inbox *inbox = &post->inbox[to];

	if (inbox->pending) {
		ring_release(inbox->pending);
		inbox->pending = NULL;
	}
	if (take(post, to, ret))
		return true;
	/*
	 * A wake-up that came before this point is for a message that take() saw;
	 * one that comes after it leaves the descriptor readable.  Look once more, for a
	 * message that was committed between the two.
	 */
	waker_clear(inbox->fd);
	return take(post, to, ret);
}
