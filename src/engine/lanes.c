/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/lanes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define BACKOFF_MIN NS_PER_S
#define BACKOFF_MAX (30 * NS_PER_S)
#define LINGER      (5 * NS_PER_S)

struct lane {
	struct stream *stream; /* NULL: closed */
	unsigned int interest; /* as registered */
	bool open;
	uint64_t retry; /* ns: when it may be opened again */
	uint64_t backoff;
};

struct lanes {
	struct loop *loop;
	uint64_t what;
	struct endpoint to; /* ADDR_NONE: nowhere */
	struct stream_tls *tls;
	bool wanted;
	uint64_t close_at;   /* ns: not wanted any more; NEVER else */
	unsigned int opened; /* bits, not yet asked for */
	uint32_t stale;      /* of streams that are gone */
	char error[160];
	struct lane lanes[STREAM_LANES];
};

int lanes_new(struct loop *loop, uint64_t what, struct lanes **ret)
{
	struct lanes *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->loop = loop;
	l->what = what;
	l->close_at = NEVER;
	*ret = l;
	return 0;
}

static void lane_close(struct lanes *l, struct lane *lane)
{
	if (!lane->stream)
		return;
	l->stale += stream_stale(lane->stream);
	if (l->loop)
		loop_remove(l->loop, stream_fd(lane->stream));
	lane->stream = stream_free(lane->stream);
	lane->open = false;
}

static void close_all(struct lanes *l)
{
	for (unsigned int i = 0; i < STREAM_LANES; i++) {
		lane_close(l, &l->lanes[i]);
		l->lanes[i].retry = 0;
		l->lanes[i].backoff = 0;
	}
	l->opened = 0;
	l->close_at = NEVER;
}

struct lanes *lanes_free(struct lanes *l)
{
	if (l)
		close_all(l);
	free(l);
	return NULL;
}

void lanes_set(struct lanes *l, const struct endpoint *to, struct stream_tls *tls)
{
	if (endpoint_equal(&l->to, to) && l->tls == tls)
		return;
	close_all(l);
	l->to = *to;
	l->to.stream = 0;
	l->tls = tls;
	l->error[0] = '\0';
}

void lanes_want(struct lanes *l, bool wanted, uint64_t now)
{
	if (wanted == l->wanted)
		return;
	l->wanted = wanted;
	l->close_at = wanted ? NEVER : now + LINGER;
}

void lanes_restart(struct lanes *l)
{
	close_all(l);
}

static void note_error(struct lanes *l, const char *sentence)
{
	snprintf(l->error, sizeof(l->error), "%s", sentence);
}

static void lane_failed(struct lanes *l, struct lane *lane, const char *sentence, uint64_t now)
{
	note_error(l, sentence);
	lane_close(l, lane);
	lane->backoff = lane->backoff ? lane->backoff * 2 : BACKOFF_MIN;
	if (lane->backoff > BACKOFF_MAX)
		lane->backoff = BACKOFF_MAX;
	lane->retry = now + lane->backoff;
}

static void lane_connect(struct lanes *l, struct lane *lane, uint64_t now)
{
	int r = stream_connect(&l->to, l->tls, now, &lane->stream);

	if (r >= 0 && l->loop) {
		lane->interest = stream_interest(lane->stream);
		r = loop_add(l->loop, stream_fd(lane->stream), lane->interest, l->what);
		if (r < 0)
			lane->stream = stream_free(lane->stream);
	}
	if (r < 0)
		lane_failed(l, lane, strerror(-r), now);
}

/* What the loop waits for follows what the stream waits for. */
static void update_interest(struct lanes *l, struct lane *lane)
{
	unsigned int interest = stream_interest(lane->stream);

	if (!l->loop || interest == lane->interest)
		return;
	if (loop_change(l->loop, stream_fd(lane->stream), interest, l->what) == 0)
		lane->interest = interest;
}

static void lane_run(struct lanes *l, unsigned int i, uint64_t now)
{
	struct lane *lane = &l->lanes[i];

	switch (stream_run(lane->stream, now)) {
	case STREAM_CONNECTING:
		break;
	case STREAM_OPEN:
		if (lane->open)
			break;
		lane->open = true;
		lane->backoff = 0;
		l->opened |= 1u << i;
		break;
	case STREAM_CLOSED:
		lane_failed(l, lane, stream_error(lane->stream), now);
		return;
	}
	update_interest(l, lane);
}

static bool may_connect(const struct lanes *l, unsigned int i, uint64_t now)
{
	return l->wanted && l->to.addr.family != ADDR_NONE && !l->lanes[i].stream &&
	       now >= l->lanes[i].retry && (i == 0 || lanes_open(l) > 0);
}

void lanes_run(struct lanes *l, uint64_t now)
{
	if (now >= l->close_at)
		close_all(l);
	for (unsigned int i = 0; i < STREAM_LANES; i++) {
		if (l->lanes[i].stream)
			lane_run(l, i, now);
	}
	for (unsigned int i = 0; i < STREAM_LANES; i++) {
		if (may_connect(l, i, now))
			lane_connect(l, &l->lanes[i], now);
	}
}

uint64_t lanes_next_deadline(const struct lanes *l)
{
	bool any = lanes_open(l) > 0;
	uint64_t next = l->close_at;

	for (unsigned int i = 0; i < STREAM_LANES; i++) {
		const struct lane *lane = &l->lanes[i];

		if (lane->stream)
			next = earlier(next, stream_next_deadline(lane->stream));
		else if (l->wanted && l->to.addr.family != ADDR_NONE && (i == 0 || any))
			next = earlier(next, lane->retry);
	}
	return next;
}

unsigned int lanes_open(const struct lanes *l)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < STREAM_LANES; i++)
		n += l->lanes[i].open;
	return n;
}

unsigned int lanes_opened(struct lanes *l)
{
	unsigned int bits = l->opened;

	l->opened = 0;
	return bits;
}

bool lanes_is_open(const struct lanes *l, unsigned int lane)
{
	return l->lanes[lane].open;
}

struct endpoint lanes_endpoint(const struct lanes *l, unsigned int lane)
{
	struct endpoint e = l->to;

	e.stream = 1 + lane;
	return e;
}

int lanes_send(struct lanes *l, unsigned int lane, const uint8_t *data, uint32_t len,
	       uint32_t segment, uint64_t now)
{
	int r = -ENOTCONN;

	for (unsigned int i = 0; i < STREAM_LANES && r == -ENOTCONN; i++) {
		struct lane *try = &l->lanes[(lane + i) % STREAM_LANES];

		if (!try->open)
			continue;
		r = stream_send(try->stream, data, len, segment, now);
		update_interest(l, try);
	}
	return r;
}

size_t lanes_recv(struct lanes *l, unsigned int lane, struct stream_rx *rx, size_t n,
		  struct addr *ret_local)
{
	const struct lane *from = &l->lanes[lane];

	if (!from->open)
		return 0;
	*ret_local = stream_local(from->stream);
	return stream_recv(from->stream, rx, n);
}

bool lanes_unread(const struct lanes *l, unsigned int lane)
{
	return l->lanes[lane].open && stream_unread(l->lanes[lane].stream);
}

uint32_t lanes_stale(struct lanes *l)
{
	uint32_t n = l->stale;

	l->stale = 0;
	for (unsigned int i = 0; i < STREAM_LANES; i++) {
		if (l->lanes[i].stream)
			n += stream_stale(l->lanes[i].stream);
	}
	return n;
}

const char *lanes_error(const struct lanes *l)
{
	return lanes_open(l) > 0 ? "" : l->error;
}
