/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/loop.h"
#include "io/stream.h"

#define WAITING_MAX 2048 /* connections that are not accepted yet */
#define MESSAGES    512  /* in one direction of one connection */
#define GROUP_MAX   65536

struct messages {
	size_t first, n;
	size_t len[MESSAGES];
	uint8_t *data[MESSAGES];
};

struct stream {
	int fd; /* an eventfd: readable while the gateway has something to do */
	struct endpoint remote;
	struct addr local;
	struct messages in;  /* to the gateway */
	struct messages out; /* from it */
	bool handshaking;
	bool congested;
	bool hung_up; /* the far end holds it no more */
	bool freed;   /* nor does the gateway */
	uint32_t stale;
	uint8_t group[GROUP_MAX];
};

static struct stream *waiting[WAITING_MAX];
static size_t waiting_first, waiting_n;
static int listener = -1;
static int accept_error;

static void put(struct messages *m, const uint8_t *data, size_t len)
{
	size_t at = (m->first + m->n) % MESSAGES;

	if (m->n == MESSAGES) {
		fprintf(stderr, "replay: more than %d messages in a stream\n", MESSAGES);
		abort();
	}
	m->data[at] = malloc(len);
	memcpy(m->data[at], data, len);
	m->len[at] = len;
	m->n++;
}

/* Copies the first message to @out.  Return: its length. */
static size_t take(struct messages *m, uint8_t *out)
{
	size_t len = m->len[m->first];

	memcpy(out, m->data[m->first], len);
	free(m->data[m->first]);
	m->first = (m->first + 1) % MESSAGES;
	m->n--;
	return len;
}

static void discard(struct messages *m)
{
	for (; m->n > 0; m->n--) {
		free(m->data[m->first]);
		m->first = (m->first + 1) % MESSAGES;
	}
}

/* Whoever lets go last. */
static void release(struct stream *s)
{
	if (!s->hung_up || !s->freed)
		return;
	discard(&s->in);
	discard(&s->out);
	close(s->fd);
	free(s);
}

/* ---- the far end ------------------------------------------------------------- */

int wire_listener_new(void)
{
	listener = waker_new();
	waiting_n = 0;
	accept_error = 0;
	return listener;
}

struct stream *wire_connect(const struct endpoint *from, const struct addr *to)
{
	struct stream *s = calloc(1, sizeof(*s));

	s->fd = waker_new();
	s->remote = *from;
	s->remote.stream = 0;
	s->local = *to;
	waiting[(waiting_first + waiting_n++) % WAITING_MAX] = s;
	waker_wake(listener);
	return s;
}

void wire_call(struct stream *s, const uint8_t *message, size_t len)
{
	if (s->freed)
		return;
	put(&s->in, message, len);
	waker_wake(s->fd);
}

bool wire_answer(struct stream *s, struct wire_packet *ret)
{
	if (s->out.n == 0)
		return false;
	*ret = (struct wire_packet){ .to = s->remote };
	ret->len = take(&s->out, ret->data);
	return true;
}

void wire_hang_up(struct stream *s)
{
	s->hung_up = true;
	waker_wake(s->fd);
	release(s);
}

bool wire_gone(const struct stream *s)
{
	return s->freed;
}

void wire_handshaking(struct stream *s, bool on)
{
	s->handshaking = on;
	waker_wake(s->fd);
}

void wire_congest(struct stream *s, bool on)
{
	s->congested = on;
}

void wire_grow_stale(struct stream *s, uint32_t n)
{
	s->stale += n;
	waker_wake(s->fd);
}

void wire_accept_fails(int error)
{
	accept_error = error;
}

/* ---- io/stream.h, the gateway's end --------------------------------------------- */

int stream_accept(int fd, struct stream_tls *tls, uint64_t now, struct stream **ret)
{
	int r = -accept_error;

	(void)tls;
	(void)now;
	accept_error = 0;
	if (r < 0)
		return r;
	if (waiting_n == 0) {
		waker_clear(fd);
		return -EAGAIN;
	}
	*ret = waiting[waiting_first];
	waiting_first = (waiting_first + 1) % WAITING_MAX;
	waiting_n--;
	return 0;
}

struct stream *stream_free(struct stream *s)
{
	if (!s)
		return NULL;
	s->freed = true;
	release(s);
	return NULL;
}

int stream_fd(const struct stream *s)
{
	return s->fd;
}

const struct endpoint *stream_remote(const struct stream *s)
{
	return &s->remote;
}

struct addr stream_local(const struct stream *s)
{
	return s->local;
}

unsigned int stream_interest(const struct stream *s)
{
	return s->congested ? LOOP_READ | LOOP_WRITE : LOOP_READ;
}

enum stream_state stream_state(const struct stream *s)
{
	return s->hung_up ? STREAM_CLOSED : s->handshaking ? STREAM_CONNECTING : STREAM_OPEN;
}

enum stream_state stream_run(struct stream *s, uint64_t now)
{
	(void)now;
	if (s->in.n == 0)
		waker_clear(s->fd);
	return stream_state(s);
}

uint64_t stream_next_deadline(const struct stream *s)
{
	(void)s;
	return NEVER;
}

bool stream_unread(const struct stream *s)
{
	return s->in.n > 0;
}

/* Neighbours of equal length are one group, and a shorter one ends it. */
size_t stream_recv(struct stream *s, struct stream_rx *rx, size_t n)
{
	uint32_t len = 0;

	if (n == 0 || s->in.n == 0)
		return 0;
	rx[0] = (struct stream_rx){ .data = s->group };
	rx[0].segment = (uint32_t)s->in.len[s->in.first];
	do {
		len = (uint32_t)take(&s->in, s->group + rx[0].len);
		rx[0].len += len;
	} while (len == rx[0].segment && s->in.n > 0 && s->in.len[s->in.first] <= len &&
		 rx[0].len + len <= GROUP_MAX);
	return 1;
}

int stream_send(struct stream *s, const uint8_t *data, uint32_t len, uint32_t segment, uint64_t now)
{
	(void)now;
	if (s->hung_up)
		return -ENOTCONN;
	if (s->congested)
		return -EAGAIN;
	for (uint32_t at = 0; at < len; at += segment)
		put(&s->out, data + at, len - at < segment ? len - at : segment);
	return 0;
}

uint32_t stream_stale(struct stream *s)
{
	uint32_t n = s->stale;

	s->stale = 0;
	return n;
}
