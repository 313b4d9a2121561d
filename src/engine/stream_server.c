/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/stream_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/deadlines.h"
#include "io/loop.h"
#include "io/stream.h"

#define ACCEPT_BUDGET 16u /* a round: a handshake of TLS costs as much as a megabyte of data */
#define POST_BUDGET   256u
#define RX_GROUPS     8u
#define RX_STRANGER   1u /* groups of who is not proven, so that a flood takes the smaller part */
#define EVENTS        64u
#define PAUSE         NS_PER_S /* for descriptors or memory to come back */

/* What an event is about: a place, or one of these. */
enum {
	WHAT_LISTENER = STREAM_PLACES,
	WHAT_POST,
};

struct connection {
	struct stream *stream; /* NULL: the place is free */
	struct addr local;     /* our own address there */
	uint32_t number;       /* of this or the last connection in this place; 0: never used */
	uint64_t accepted;     /* ns */
	bool open;             /* TLS is through */
	bool proven;           /* a genuine message has come */
	unsigned int interest;
};

struct stream_server {
	unsigned int workers;
	struct post *post;
	int listener;
	struct stream_tls *tls;
	struct loop *loop;
	struct deadlines *deadlines; /* by place */
	uint64_t now;                /* of this round */
	uint64_t accept_after;       /* ns; 0: the listener is listened to */
	bool accept_more;
	bool post_more;
	bool stopped;
	unsigned int n;
	uint64_t ready[STREAM_PLACES / 64]; /* places to be looked at, a bit each */
	struct connection at[STREAM_PLACES];
	struct path_counters counters;
	struct counter connections;
};

static unsigned int self(const struct stream_server *s)
{
	return post_stream(s->workers);
}

static void drop(struct stream_server *s, enum verdict reason, uint64_t n)
{
	counter_add(&s->counters.drops[reason], n);
}

static void set_count(struct stream_server *s, unsigned int n)
{
	s->n = n;
	counter_set(&s->connections, n);
}

/* What was queued counted as sent. */
static void count_stale(struct stream_server *s, struct connection *c)
{
	uint32_t n = stream_stale(c->stream);

	if (n == 0)
		return;
	counter_set(&s->counters.out_tunnel, counter_get(&s->counters.out_tunnel) - n);
	drop(s, DROP_STREAM_STALE, n);
}

static void tell_closed(struct stream_server *s, unsigned int thread, uint32_t number)
{
	struct post_stream body = { .stream = number };

	/* If the ring is full: whoever sends there is told again. */
	(void)post_send(s->post, self(s), thread, POST_STREAM_CLOSED, &body, sizeof(body), NULL, 0);
}

static void close_connection(struct stream_server *s, struct connection *c)
{
	count_stale(s, c);
	loop_remove(s->loop, stream_fd(c->stream));
	deadlines_set(s->deadlines, (uint32_t)(c - s->at), NEVER);
	c->stream = stream_free(c->stream);
	set_count(s, s->n - 1);
	/* Of the others nobody knows, so that strangers keep no worker busy. */
	for (unsigned int i = 0; c->proven && i < s->workers; i++)
		tell_closed(s, i, c->number);
}

/* When it must have got on, if it has not yet. */
static uint64_t patience(const struct connection *c)
{
	if (c->proven)
		return NEVER;
	return c->accepted + (c->open ? STREAM_PROOF_TIME : STREAM_TLS_TIME);
}

/* After anything that may have changed what the connection waits for. */
static void rearm(struct stream_server *s, struct connection *c)
{
	unsigned int interest = stream_interest(c->stream);
	uint32_t place = (uint32_t)(c - s->at);

	count_stale(s, c);
	deadlines_set(s->deadlines, place, earlier(patience(c), stream_next_deadline(c->stream)));
	if (interest != c->interest)
		(void)loop_change(s->loop, stream_fd(c->stream), interest, place);
	c->interest = interest;
}

/* ---- from a connection to the threads --------------------------------------- */

/* Neighbouring messages of one owner cross at once. */
static uint32_t run_of(const struct stream_server *s, const struct stream_rx *rx, uint32_t at,
		       unsigned int owner)
{
	uint32_t end = at;

	do
		end = rx->len - end < rx->segment ? rx->len : end + rx->segment;
	while (end < rx->len &&
	       post_owner(s->workers, rx->data + end,
			  rx->len - end < rx->segment ? rx->len - end : rx->segment) == owner);
	return end - at;
}

static void sort_messages(struct stream_server *s, const struct connection *c,
			  const struct stream_rx *rx)
{
	struct post_datagram d = {
		.from = *stream_remote(c->stream),
		.to = c->local,
		.segment = rx->segment,
	};
	uint32_t messages;

	d.from.stream = c->number;
	if (rx->len == 0) { /* as an empty datagram */
		counter_add(&s->counters.in_tunnel, 1);
		drop(s, DROP_WG_MALFORMED, 1);
	}
	for (uint32_t at = 0; at < rx->len; at += d.len) {
		uint32_t first = rx->len - at < rx->segment ? rx->len - at : rx->segment;
		unsigned int owner = post_owner(s->workers, rx->data + at, first);

		d.len = run_of(s, rx, at, owner);
		messages = (d.len + rx->segment - 1) / rx->segment;
		counter_add(&s->counters.in_tunnel, messages);
		if (owner == POST_NOBODY)
			drop(s, DROP_WG_MALFORMED, messages);
		else if (!post_send(s->post, self(s), owner, POST_DATAGRAM, &d, sizeof(d),
				    rx->data + at, d.len))
			drop(s, DROP_NO_MEMORY, messages);
	}
}

static void set_ready(struct stream_server *s, uint32_t place)
{
	s->ready[place / 64] |= UINT64_C(1) << place % 64;
}

/* One round of one connection: at most a batch, so none starves another. */
static void serve(struct stream_server *s, struct connection *c)
{
	struct stream_rx rx[RX_GROUPS];
	enum stream_state state = stream_run(c->stream, s->now);
	size_t n = 0;

	if (state != STREAM_CONNECTING) {
		c->open = true;
		n = stream_recv(c->stream, rx, c->proven ? RX_GROUPS : RX_STRANGER);
		for (size_t i = 0; i < n; i++)
			sort_messages(s, c, &rx[i]);
		state = stream_state(c->stream);
	}
	if (n > 0) /* it may hold more, of which no event will tell, and its end lies behind that */
		set_ready(s, (uint32_t)(c - s->at));
	if ((state == STREAM_CLOSED && n == 0) || patience(c) <= s->now)
		close_connection(s, c);
	else
		rearm(s, c);
}

/* ---- who may come ------------------------------------------------------------ */

/* The oldest without a genuine message. */
static struct connection *oldest_unproven(struct stream_server *s)
{
	struct connection *oldest = NULL;

	for (unsigned int i = 0; i < STREAM_PLACES; i++) {
		struct connection *c = &s->at[i];

		if (c->stream && !c->proven && (!oldest || c->accepted < oldest->accepted))
			oldest = c;
	}
	return oldest;
}

/* An IPv6 host has a /64 for itself. */
static bool same_source(const struct addr *a, const struct addr *b)
{
	size_t len = a->family == ADDR_IP6 ? 8 : 4;

	return a->family == b->family && memcmp(a->bytes, b->bytes, len) == 0;
}

static bool source_has_too_many(const struct stream_server *s, const struct addr *source)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < STREAM_PLACES; i++) {
		const struct connection *c = &s->at[i];

		if (c->stream && !c->proven && same_source(&stream_remote(c->stream)->addr, source))
			n++;
	}
	return n >= STREAM_SOURCE_MAX;
}

/* A free place, perhaps one that is made; NULL: there is none for this one. */
static struct connection *find_place(struct stream_server *s, const struct addr *source)
{
	struct connection *oldest;

	if (source_has_too_many(s, source))
		return NULL;
	if (s->n == STREAM_PLACES) {
		oldest = oldest_unproven(s);
		if (oldest)
			close_connection(s, oldest);
		return oldest;
	}
	for (unsigned int i = 0; i < STREAM_PLACES; i++)
		if (!s->at[i].stream)
			return &s->at[i];
	return NULL;
}

/* Numbers of a place go up by STREAM_PLACES and skip 0. */
static uint32_t next_number(const struct stream_server *s, const struct connection *c)
{
	uint32_t number = c->number + STREAM_PLACES;

	if (c->number == 0)
		number = (uint32_t)(c - s->at) + STREAM_PLACES;
	return number == 0 ? STREAM_PLACES : number;
}

/* Takes @stream. */
static void welcome(struct stream_server *s, struct stream *stream)
{
	struct connection *c = find_place(s, &stream_remote(stream)->addr);
	unsigned int interest = stream_interest(stream);

	if (!c || loop_add(s->loop, stream_fd(stream), interest, (uint64_t)(c - s->at)) < 0) {
		stream_free(stream);
		return;
	}
	*c = (struct connection){
		.stream = stream,
		.local = stream_local(stream),
		.number = next_number(s, c),
		.accepted = s->now,
		.interest = interest,
	};
	set_count(s, s->n + 1);
	rearm(s, c);
}

/* Without descriptors or memory the listener would be ready for ever. */
static void pause_accepting(struct stream_server *s)
{
	(void)loop_change(s->loop, s->listener, 0, WHAT_LISTENER);
	s->accept_after = s->now + PAUSE;
}

static void accept_some(struct stream_server *s)
{
	struct stream *stream;

	s->accept_more = false;
	if (s->accept_after != 0)
		return;
	for (unsigned int i = 0; i < ACCEPT_BUDGET; i++) {
		int r = stream_accept(s->listener, s->tls, s->now, &stream);

		if (r == -EAGAIN)
			return;
		if (r == -EMFILE || r == -ENFILE || r == -ENOBUFS || r == -ENOMEM) {
			pause_accepting(s);
			return;
		}
		if (r >= 0)
			welcome(s, stream); /* else it has gone again */
	}
	s->accept_more = true;
}

/* ---- from the threads to a connection -------------------------------------------- */

static struct connection *find(struct stream_server *s, uint32_t number)
{
	struct connection *c = &s->at[number % STREAM_PLACES];

	return c->stream && c->number == number ? c : NULL;
}

static void send_messages(struct stream_server *s, const struct post_message *m)
{
	const struct post_stream_send *head = (const void *)m->body;
	const uint8_t *data = m->body + sizeof(*head);
	uint32_t n = (head->len + head->segment - 1) / head->segment;
	struct connection *c = find(s, head->stream);

	if (!c) {
		drop(s, DROP_STREAM_STALE, n);
		if (m->from < s->workers)
			tell_closed(s, m->from, head->stream);
		return;
	}
	if (stream_send(c->stream, data, head->len, head->segment, s->now) < 0)
		drop(s, DROP_STREAM_STALE, n);
	else
		counter_add(&s->counters.out_tunnel, n);
	if (stream_state(c->stream) == STREAM_CLOSED)
		close_connection(s, c);
	else
		rearm(s, c);
}

static void receive(struct stream_server *s, const struct post_message *m)
{
	struct connection *c;

	switch (m->kind) {
	case POST_STREAM_SEND:
		send_messages(s, m);
		break;
	case POST_STREAM_USED:
		c = find(s, ((const struct post_stream *)(const void *)m->body)->stream);
		if (c && !c->proven) {
			c->proven = true;
			rearm(s, c);
		}
		break;
	case POST_STREAM_CLOSED:
		c = find(s, ((const struct post_stream *)(const void *)m->body)->stream);
		if (c)
			close_connection(s, c);
		break;
	case POST_STOP:
		s->stopped = true;
		break;
	case POST_DATAGRAM:
	case POST_TRAIN_TO_PEER:
	case POST_TRAIN_FROM_OUTSIDE:
	case POST_TRAIN_TO_HOST:
	case POST_SESSION:
	case POST_HANDSHAKE_FAILED:
	case POST_INITIATE:
	case POST_ENDPOINT:
	case POST_TABLE:
	case POST_EXTERNAL:
	case POST_UPLINK:
	case POST_LEASE:
	case POST_TRIM:
	case POST_LEASE_WANTED:
	case POST_LEASE_RETURNED:
		break; /* not for this thread */
	}
}

static void receive_some(struct stream_server *s)
{
	struct post_message m;
	unsigned int n = 0;

	while (n < POST_BUDGET && post_receive(s->post, self(s), &m)) {
		receive(s, &m);
		n++;
	}
	s->post_more = n == POST_BUDGET;
}

/* ---- the round --------------------------------------------------------------------- */

static void run_deadlines(struct stream_server *s)
{
	uint32_t place;

	for (unsigned int i = 0; i < STREAM_PLACES; i++) {
		place = deadlines_pop(s->deadlines, s->now);
		if (place == UINT32_MAX)
			break;
		serve(s, &s->at[place]); /* a free place has no deadline */
	}
	if (s->accept_after != 0 && s->accept_after <= s->now) {
		s->accept_after = 0;
		(void)loop_change(s->loop, s->listener, LOOP_READ, WHAT_LISTENER);
	}
}

/* Returns whether any of them is ready again. */
static bool serve_ready(struct stream_server *s)
{
	bool again = false;

	for (unsigned int i = 0; i < STREAM_PLACES / 64; i++) {
		uint64_t places = s->ready[i];

		s->ready[i] = 0;
		for (; places != 0; places &= places - 1) {
			struct connection *c =
				&s->at[i * 64 + (unsigned int)__builtin_ctzll(places)];

			if (c->stream)
				serve(s, c);
		}
		again |= s->ready[i] != 0;
	}
	return again;
}

/* Returns whether there may be more at once. */
static bool round_of(struct stream_server *s, const struct loop_event *events, size_t n,
		     uint64_t now)
{
	bool accepting = s->accept_more;
	bool more;

	s->now = now;
	for (size_t i = 0; i < n; i++) {
		if (events[i].what == WHAT_LISTENER)
			accepting = true;
		else if (events[i].what < STREAM_PLACES)
			set_ready(s, (uint32_t)events[i].what);
	}
	more = serve_ready(s);
	receive_some(s);
	if (accepting)
		accept_some(s);
	run_deadlines(s);
	return more || s->post_more || s->accept_more;
}

bool stream_server_poll(struct stream_server *s, uint64_t now)
{
	struct loop_event events[EVENTS];
	size_t n = loop_wait(s->loop, 0, events, EVENTS);

	return round_of(s, events, n, now);
}

uint64_t stream_server_next_deadline(const struct stream_server *s)
{
	uint64_t next = deadlines_next(s->deadlines);

	return s->accept_after != 0 ? earlier(next, s->accept_after) : next;
}

bool stream_server_stopped(const struct stream_server *s)
{
	return s->stopped;
}

int stream_server_new(const struct stream_server_params *params, struct stream_server **ret)
{
	struct stream_server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->workers = params->workers;
	s->post = params->post;
	s->listener = params->listener;
	s->tls = params->tls;
	r = deadlines_new(STREAM_PLACES, &s->deadlines);
	if (r >= 0)
		r = loop_new(&s->loop);
	if (r >= 0)
		r = loop_add(s->loop, s->listener, LOOP_READ, WHAT_LISTENER);
	if (r >= 0)
		r = loop_add(s->loop, post_fd(s->post, self(s)), LOOP_READ, WHAT_POST);
	if (r < 0) {
		stream_server_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

struct stream_server *stream_server_free(struct stream_server *s)
{
	if (!s)
		return NULL;
	for (unsigned int i = 0; i < STREAM_PLACES; i++)
		stream_free(s->at[i].stream);
	loop_free(s->loop);
	deadlines_free(s->deadlines);
	free(s);
	return NULL;
}

void stream_server_run(struct stream_server *s)
{
	struct loop_event events[EVENTS];
	bool more = true;

	while (!s->stopped) {
		size_t n = loop_wait(s->loop, more ? 0 : stream_server_next_deadline(s), events,
				     EVENTS);

		more = round_of(s, events, n, loop_now());
	}
}

const struct path_counters *stream_server_counters(const struct stream_server *s)
{
	return &s->counters;
}

unsigned int stream_server_connections(const struct stream_server *s)
{
	return (unsigned int)counter_get(&s->connections);
}
