/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/outbox.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* UDP's and IP's own headers are part of the 65,535 bytes that a train may have. */
#define TRAIN_BYTES (OUTBOX_BYTES - 64)

/* Messages that will go as one train: equal lengths, but for the last. */
struct outbox {
	struct wg_tunnel *tunnel;
	struct peer_mtu *mtus;
	struct staging *staging;
	struct path_counters *counters;
	struct outbox_send send;
	uint64_t now;

	uint32_t peer; /* WG_NO_PEER: empty */
	unsigned int lane;
	uint8_t tos;  /* outer: ECN alone */
	uint32_t mtu; /* of the peer's tunnel, bytes */
	size_t n;
	uint32_t used;    /* bytes in data */
	uint32_t segment; /* length of the first message */
	struct wg_tx tx[OUTBOX_MESSAGES];
	uint8_t data[OUTBOX_BYTES];
};

int outbox_new(const struct outbox_params *params, struct outbox **ret)
{
	struct outbox *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->tunnel = params->tunnel;
	o->mtus = params->mtu;
	o->staging = params->staging;
	o->counters = params->counters;
	o->send = params->send;
	o->peer = WG_NO_PEER;
	*ret = o;
	return 0;
}

struct outbox *outbox_free(struct outbox *o)
{
	free(o);
	return NULL;
}

void outbox_set_time(struct outbox *o, uint64_t now)
{
	o->now = now;
}

static void drop(struct outbox *o, enum verdict reason, size_t n)
{
	counter_add(&o->counters->drops[reason], n);
}

/* A gauge, where the others only grow. */
static void no_longer_waiting(struct outbox *o)
{
	counter_set(&o->counters->waiting, counter_get(&o->counters->waiting) - 1);
}

/* The plain text of what was gathered waits for a session, or is dropped. */
static void stage(struct outbox *o)
{
	for (size_t i = 0; i < o->n; i++) {
		enum staging_result r;

		if (o->tx[i].plain_len == 0) {
			drop(o, DROP_WG_NO_SESSION, 1); /* a keepalive without a session */
			continue;
		}
		r = staging_put(o->staging, o->peer, o->lane, o->tx[i].message + WG_DATA_HEADER_LEN,
				o->tx[i].plain_len);
		if (r == STAGING_KEPT)
			counter_add(&o->counters->waiting, 1);
		else
			drop(o, DROP_WG_NO_SESSION, 1);
	}
}

static void send_train(struct outbox *o)
{
	struct addr from;
	const struct endpoint *to = wg_tunnel_endpoint(o->tunnel, o->peer, &from);
	struct udp_tx tx = {
		.data = o->data,
		.len = o->used,
		.segment = o->segment,
		.to = to,
		.from = &from,
		.tos = o->tos,
	};
	int r;

	if (!to) {
		drop(o, DROP_WG_NO_ENDPOINT, o->n);
		return;
	}
	r = o->send.send(o->send.ctx, o->peer, o->lane, &tx);
	if (r == -EMSGSIZE && to->stream == 0)
		peer_mtu_learn(o->mtus, o->peer, to, udp_path_mtu(to), o->now);
	if (r < 0)
		drop(o,
		     to->stream == 0 ? DROP_WG_SEND
		     : r == -ENOBUFS ? DROP_NO_MEMORY
				     : DROP_STREAM_STALE,
		     o->n);
	else if (r != OUTBOX_HANDED_ON)
		counter_add(&o->counters->out_tunnel, o->n);
}

void outbox_flush(struct outbox *o)
{
	enum verdict v;

	if (o->n == 0) {
		o->peer = WG_NO_PEER; /* room was made and not used */
		return;
	}
	v = wg_tunnel_seal(o->tunnel, o->peer, o->tx, o->n, o->mtu, o->now);
	if (v == PASS)
		send_train(o);
	else if (v == DROP_WG_NO_SESSION)
		stage(o);
	else
		drop(o, v, o->n);
	o->peer = WG_NO_PEER;
	o->n = 0;
	o->used = 0;
}

uint8_t *outbox_room(struct outbox *o, uint32_t peer, unsigned int lane, uint8_t tos,
		     uint32_t longest)
{
	assert(longest <= OUTBOX_PLAIN);
	/* Padding adds less than 16 bytes. */
	if (o->peer != WG_NO_PEER &&
	    (o->peer != peer || o->lane != lane || o->tos != tos || o->n == OUTBOX_MESSAGES ||
	     o->used + longest + 15 + WG_DATA_OVERHEAD > TRAIN_BYTES))
		outbox_flush(o);
	o->peer = peer;
	o->lane = lane;
	o->tos = tos;
	if (o->n == 0)
		o->mtu = peer_mtu_get(o->mtus, peer, o->now);
	return o->data + o->used + WG_DATA_HEADER_LEN;
}

void outbox_add(struct outbox *o, uint32_t plain_len)
{
	uint32_t len = wg_message_len(plain_len, o->mtu);

	if (o->n > 0 && len > o->segment) {
		/* Longer than the train's segments: it begins the next one. */
		uint32_t at = o->used;
		uint32_t peer = o->peer;

		outbox_flush(o);
		memmove(o->data, o->data + at, WG_DATA_HEADER_LEN + plain_len);
		o->peer = peer;
	}
	if (o->n == 0)
		o->segment = len;
	o->tx[o->n++] = (struct wg_tx){ .message = o->data + o->used, .plain_len = plain_len };
	o->used += len;
	if (len < o->segment)
		outbox_flush(o); /* a shorter one ends the train */
}

void outbox_keepalive(struct outbox *o, uint32_t peer, unsigned int lane)
{
	outbox_flush(o);
	(void)outbox_room(o, peer, lane, 0, 0);
	counter_add(&o->counters->generated, 1);
	outbox_add(o, 0);
	outbox_flush(o);
}

void outbox_staged(struct outbox *o, uint32_t peer)
{
	outbox_flush(o);
	/* Counted, because what cannot be sealed after all goes back to the end of the list. */
	for (unsigned int i = 0; i < STAGING_PER_PEER; i++) {
		unsigned int lane;
		size_t len = staging_first(o->staging, peer, &lane);
		uint8_t *room;

		if (len == 0)
			break;
		/* First, for it may flush, and so keep a packet, at the cost of this one. */
		room = outbox_room(o, peer, lane, 0, (uint32_t)len);
		if (staging_first(o->staging, peer, &lane) != len)
			continue;
		memcpy(room, staging_take(o->staging, peer, &len), len);
		no_longer_waiting(o);
		outbox_add(o, (uint32_t)len);
	}
	outbox_flush(o);
}

void outbox_purge(struct outbox *o, uint32_t peer, enum verdict reason)
{
	size_t len;

	while (staging_take(o->staging, peer, &len)) {
		no_longer_waiting(o);
		drop(o, reason, 1);
	}
}

bool outbox_waits(const struct outbox *o, uint32_t peer)
{
	return !staging_empty(o->staging, peer);
}
