/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/handshake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "engine/limits.h"
#include "io/loop.h"
#include "wireguard/wireguard.h"

#define POST_BUDGET       256u
#define ACKNOWLEDGE_AGAIN (10 * NS_PER_MS)

struct handshake {
	unsigned int workers;
	struct post *post;
	struct udp *udp;
	const struct table *table;
	const struct table *unacknowledged; /* main's ring was full; NULL: none */
	struct wg_handshaker *handshaker;
	uint64_t now;
	uint64_t wall;
	bool stopped;
	struct handshake_load load;
	struct path_counters counters;
};

static unsigned int self(const struct handshake *h)
{
	return post_handshake(h->workers);
}

static void send_message(struct handshake *h, const struct wg_output *out)
{
	uint32_t len = (uint32_t)out->len;
	struct udp_tx tx = {
		.data = out->message,
		.len = len,
		.segment = len,
		.to = &out->to,
		.from = &out->from,
	};

	counter_add(&h->counters.generated, 1);
	if (out->to.stream != 0) {
		/* Who sends it counts it. */
		if (!post_to_stream(h->post, self(h), h->workers, out->to.stream, out->message, len,
				    len))
			counter_add(&h->counters.drops[DROP_NO_MEMORY], 1);
		return;
	}
	if (udp_send(h->udp, &tx) < 0)
		counter_add(&h->counters.drops[DROP_WG_SEND], 1);
	else
		counter_add(&h->counters.out_tunnel, 1);
}

static void send_session(struct handshake *h, const struct wg_output *out)
{
	unsigned int owner = peer_worker(out->peer, h->workers);
	struct post_session body = {
		.keys = out->keys,
		.incarnation = h->table->peers[out->peer].incarnation,
		.to = out->to,
		.from = out->from,
		.len = (uint16_t)out->len,
	};

	memcpy(body.response, out->message, out->len);
	/* A full ring loses a session that the peer asks for again. */
	(void)post_send(h->post, self(h), owner, POST_SESSION, &body, sizeof(body), NULL, 0);
	sodium_memzero(&body, sizeof(body));
}

static void act(struct handshake *h, struct wg_output *out)
{
	struct post_peer body = { .peer = out->peer };

	switch (out->kind) {
	case WG_NOTHING:
		break;
	case WG_SEND:
		send_message(h, out);
		break;
	case WG_SESSION:
		send_session(h, out);
		break;
	case WG_HANDSHAKE_FAILED:
		(void)post_send(h->post, self(h), peer_worker(out->peer, h->workers),
				POST_HANDSHAKE_FAILED, &body, sizeof(body), NULL, 0);
		break;
	}
	sodium_memzero(&out->keys, sizeof(out->keys));
}

static void one_datagram(struct handshake *h, const struct endpoint *from, const struct addr *to,
			 uint8_t tos, const uint8_t *bytes, uint32_t len)
{
	unsigned int owner = post_owner(h->workers, bytes, len);
	struct wg_output out;
	enum verdict v;

	if (owner == POST_NOBODY) {
		counter_add(&h->counters.drops[DROP_WG_MALFORMED], 1);
		return;
	}
	if (owner != self(h)) {
		struct post_datagram d = {
			.from = *from,
			.to = *to,
			.tos = tos,
			.len = len,
			.segment = len,
		};

		if (!post_send(h->post, self(h), owner, POST_DATAGRAM, &d, sizeof(d), bytes, len))
			counter_add(&h->counters.drops[DROP_NO_MEMORY], 1);
		return;
	}
	v = wg_handshaker_receive(h->handshaker, bytes, len, from, to,
				  handshake_load_note(&h->load, h->now), h->now, &out);
	if (v == PASS)
		counter_add(&h->counters.consumed, 1);
	else
		counter_add(&h->counters.drops[v], 1);
	act(h, &out);
}

static bool socket_poll(struct handshake *h)
{
	struct udp_rx rx[UDP_RX_TRAINS];
	size_t n = udp_recv(h->udp, rx, UDP_RX_TRAINS);

	for (size_t i = 0; i < n; i++) {
		for (uint32_t at = 0; at < rx[i].len; at += rx[i].segment) {
			uint32_t rest = rx[i].len - at;

			counter_add(&h->counters.in_tunnel, 1);
			one_datagram(h, &rx[i].from, &rx[i].to, rx[i].tos, rx[i].data + at,
				     rest < rx[i].segment ? rest : rx[i].segment);
		}
	}
	return n == UDP_RX_TRAINS;
}

static bool is_same(const struct table_peer *old, const struct table_peer *new)
{
	return old && old->used && new->used && old->incarnation == new->incarnation;
}

static int apply_peer(struct handshake *h, const struct table_peer *old,
		      const struct table_peer *new, uint32_t number)
{
	if (!new->used ||
	    (is_same(old, new) && memcmp(old->preshared_key, new->preshared_key, WG_KEY_LEN) == 0))
		return 0;
	return wg_handshaker_peer_set(h->handshaker, number, new->public_key, new->preshared_key);
}

/* Removals first: a key may have moved to another number. */
static int apply_table(struct handshake *h, const struct table *table)
{
	const struct table *old = h->table;
	uint32_t n = old && old->n_slots > table->n_slots ? old->n_slots : table->n_slots;
	int result = 0;

	for (uint32_t i = 0; old && i < n; i++) {
		if (old->peers[i].used && !is_same(&old->peers[i], &table->peers[i]))
			wg_handshaker_peer_remove(h->handshaker, i);
	}
	for (uint32_t i = 0; i < n; i++) {
		int r = apply_peer(h, old ? &old->peers[i] : NULL, &table->peers[i], i);

		if (r < 0)
			result = r;
	}
	h->table = table;
	return result;
}

/* Main frees the old table by this, and hands out no other before: it must not get lost. */
static void acknowledge(struct handshake *h)
{
	struct post_table body = { .table = h->unacknowledged };

	if (body.table && post_send(h->post, self(h), post_main(h->workers), POST_TABLE, &body,
				    sizeof(body), NULL, 0))
		h->unacknowledged = NULL;
}

static void receive(struct handshake *h, const struct post_message *m)
{
	const struct post_peer *p = (const void *)m->body;
	struct wg_output out;

	switch (m->kind) {
	case POST_DATAGRAM: {
		struct post_datagram d;

		memcpy(&d, m->body, sizeof(d));
		for (uint32_t at = 0; at < d.len; at += d.segment)
			one_datagram(h, &d.from, &d.to, d.tos, m->body + sizeof(d) + at,
				     d.len - at < d.segment ? d.len - at : d.segment);
		break;
	}
	case POST_INITIATE:
		wg_handshaker_initiate(h->handshaker, p->peer, &p->to, &p->from, h->now, h->wall,
				       &out);
		act(h, &out);
		break;
	case POST_ENDPOINT:
		wg_handshaker_set_endpoint(h->handshaker, p->peer, &p->to, &p->from);
		break;
	case POST_TABLE:
		(void)apply_table(h, ((const struct post_table *)(const void *)m->body)->table);
		h->unacknowledged = h->table; /* told at the end of the round */
		break;
	case POST_STOP:
		h->stopped = true;
		break;
	case POST_TRAIN_TO_PEER:
	case POST_TRAIN_FROM_OUTSIDE:
	case POST_TRAIN_TO_HOST:
	case POST_SESSION:
	case POST_HANDSHAKE_FAILED:
	case POST_STREAM_SEND:
	case POST_STREAM_USED:
	case POST_STREAM_CLOSED:
	case POST_EXTERNAL:
	case POST_UPLINK:
	case POST_LEASE:
	case POST_TRIM:
	case POST_LEASE_WANTED:
	case POST_LEASE_RETURNED:
		break; /* not for this thread */
	}
}

bool handshake_poll(struct handshake *h, uint64_t now, uint64_t wall)
{
	struct post_message m;
	struct wg_output out;
	unsigned int n = 0;
	bool more;

	h->now = now;
	h->wall = wall;
	more = socket_poll(h);
	while (n < POST_BUDGET && post_receive(h->post, self(h), &m)) {
		receive(h, &m);
		n++;
	}
	do {
		wg_handshaker_on_deadline(h->handshaker, now, wall, &out);
		act(h, &out);
	} while (out.kind != WG_NOTHING);
	acknowledge(h);
	return more || n == POST_BUDGET;
}

uint64_t handshake_next_deadline(const struct handshake *h)
{
	uint64_t next = wg_handshaker_next_deadline(h->handshaker);

	return h->unacknowledged ? earlier(next, h->now + ACKNOWLEDGE_AGAIN) : next;
}

bool handshake_stopped(const struct handshake *h)
{
	return h->stopped;
}

int handshake_new(const struct handshake_params *params, struct handshake **ret)
{
	struct handshake *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->workers = params->workers;
	h->post = params->post;
	h->udp = params->udp;
	r = wg_handshaker_new(params->private_key, params->table->peers_max, params->rng,
			      &h->handshaker);
	if (r >= 0)
		r = apply_table(h, params->table);
	if (r < 0) {
		handshake_free(h);
		return r;
	}
	*ret = h;
	return 0;
}

struct handshake *handshake_free(struct handshake *h)
{
	if (h)
		wg_handshaker_free(h->handshaker);
	free(h);
	return NULL;
}

int handshake_run(struct handshake *h)
{
	struct loop_event events[4];
	struct loop *loop;
	bool more = true;
	int r = loop_new(&loop);

	if (r < 0)
		return r;
	r = loop_add(loop, udp_fd(h->udp), LOOP_READ, 0);
	if (r >= 0)
		r = loop_add(loop, post_fd(h->post, self(h)), LOOP_READ, 0);
	while (r >= 0 && !h->stopped) {
		loop_wait(loop, more ? 0 : handshake_next_deadline(h), events, 4);
		more = handshake_poll(h, loop_now(), loop_wall());
	}
	loop_free(loop);
	return r;
}

const struct path_counters *handshake_counters(const struct handshake *h)
{
	return &h->counters;
}
