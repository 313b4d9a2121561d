/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wireguard_pair.h - two complete sides on a virtual wire under a virtual clock
 *
 * Each side is a handshaker and a tunnel with one peer, driven as the engine drives them.
 * What one sends the other receives at once, unless the wire is cut.
 */
#ifndef CULVERT_TEST_WIREGUARD_PAIR_H
#define CULVERT_TEST_WIREGUARD_PAIR_H

#include <stdlib.h>
#include <string.h>

#include "wireguard/wireguard.h"

#define PAIR_MTU   1420
#define PAIR_WIRE  64
#define PAIR_TIMES 128

struct datagram {
	int to; /* side */
	struct endpoint from;
	uint32_t len;
	uint8_t bytes[2048];
};

struct side {
	struct rng rng;
	uint8_t private_key[WG_KEY_LEN];
	uint8_t public_key[WG_KEY_LEN];
	struct wg_handshaker *h;
	struct wg_tunnel *t;
	struct endpoint at;
	uint32_t peer; /* the number that it has given to the other side */
	bool load;
	bool staged;    /* a packet waits for a session */
	bool initiator; /* of the session installed last */

	/* What has been seen. */
	uint64_t initiations[PAIR_TIMES]; /* ns: when it sent them */
	int n_initiations, n_cookies, n_failed, n_ready, n_sessions;
	int n_data, n_keepalives; /* received */
	uint64_t last_keepalive;  /* ns: received */
	enum verdict verdict;     /* of what it received last */
	struct wg_keys keys;      /* of the session installed last */
};

struct pair {
	struct side side[2];
	uint64_t now;
	bool cut[2];       /* nothing arrives at this side */
	uint32_t loss;     /* per cent of all datagrams */
	struct rng chance; /* which ones */
	struct datagram wire[PAIR_WIRE];
	int n_wire;
	struct datagram last; /* the last one sent, lost or not */
	struct datagram last_data;
};

static inline uint64_t pair_wall(const struct pair *p)
{
	return UINT64_C(1700000000) * NS_PER_S + p->now;
}

static inline struct endpoint pair_endpoint(uint32_t ip4, uint16_t port)
{
	return (struct endpoint){ .addr = addr_ip4(ip4), .port = port };
}

static inline void pair_start(struct pair *p, const uint8_t psk[static WG_KEY_LEN])
{
	memset(p, 0, sizeof(*p));
	p->now = 1000 * NS_PER_S;
	for (int i = 0; i < 2; i++) {
		struct side *s = &p->side[i];

		s->rng = rng_seeded(100 + (uint64_t)i);
		wg_private_key(&s->rng, s->private_key);
		wg_public_key(s->public_key, s->private_key);
		s->at = pair_endpoint(0x0a000001 + (uint32_t)i, (uint16_t)(5000 + i));
		s->peer = 300 + (uint32_t)i;
		if (wg_handshaker_new(s->private_key, 512, &s->rng, &s->h) < 0 ||
		    wg_tunnel_new(512, &s->rng, &s->t) < 0)
			abort();
	}
	for (int i = 0; i < 2; i++) {
		struct side *s = &p->side[i];
		const struct side *o = &p->side[1 - i];

		if (wg_handshaker_peer_set(s->h, s->peer, o->public_key, psk) != 0)
			abort();
		wg_tunnel_peer_add(s->t, s->peer, 0, p->now);
		wg_tunnel_set_endpoint(s->t, s->peer, &o->at, &s->at.addr);
	}
}

static inline void pair_end(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		wg_handshaker_free(p->side[i].h);
		wg_tunnel_free(p->side[i].t);
	}
}

static inline void pair_send(struct pair *p, int from, const uint8_t *bytes, size_t len)
{
	struct datagram *d = &p->last;

	d->to = 1 - from;
	d->from = p->side[from].at;
	d->len = (uint32_t)len;
	memcpy(d->bytes, bytes, len);
	if (wg_message_type(bytes, len) == WG_DATA)
		p->last_data = *d;
	if (p->loss > 0 && rng_below(&p->chance, 100) < p->loss)
		return;
	if (!p->cut[d->to] && p->n_wire < PAIR_WIRE)
		p->wire[p->n_wire++] = *d;
}

/* What a handshaker answered. */
static inline void pair_output(struct pair *p, int i, struct wg_output *out)
{
	struct side *s = &p->side[i];

	if (out->kind == WG_HANDSHAKE_FAILED) {
		s->n_failed++;
		s->staged = false;
	}
	if (out->kind == WG_SESSION) {
		s->keys = out->keys;
		s->initiator = out->keys.initiator;
		s->n_sessions++;
		if (wg_tunnel_install(s->t, &out->keys, p->now) != 0)
			abort();
		wg_tunnel_set_endpoint(s->t, out->peer, &out->to, &out->from);
	}
	if (out->len == WG_INITIATION_LEN && s->n_initiations < PAIR_TIMES)
		s->initiations[s->n_initiations++] = p->now;
	if (out->len == WG_COOKIE_REPLY_LEN)
		s->n_cookies++;
	if (out->len > 0)
		pair_send(p, i, out->message, out->len);
}

/* One packet of @len bytes (0: a keepalive) through the tunnel. */
static inline enum verdict pair_seal(struct pair *p, int i, uint32_t len)
{
	struct side *s = &p->side[i];
	uint8_t message[2048] = { 0 };
	struct wg_tx tx = { .message = message, .plain_len = len };
	enum verdict v;

	memset(message + WG_DATA_HEADER_LEN, 'a' + i, len);
	v = wg_tunnel_seal(s->t, s->peer, &tx, 1, PAIR_MTU, p->now);
	if (v == PASS)
		pair_send(p, i, message, tx.len);
	else if (len > 0)
		s->staged = true;
	return v;
}

static inline void pair_receive(struct pair *p, const struct datagram *d)
{
	struct side *s = &p->side[d->to];
	struct datagram copy = *d;
	struct wg_output out;
	struct wg_rx rx = {
		.data = copy.bytes, .len = copy.len, .from = &copy.from, .to = &s->at.addr
	};

	if (wg_message_type(d->bytes, d->len) != WG_DATA) {
		s->verdict = wg_handshaker_receive(s->h, copy.bytes, copy.len, &copy.from,
						   &s->at.addr, s->load, p->now, &out);
		pair_output(p, d->to, &out);
		return;
	}
	wg_tunnel_open(s->t, &rx, 1, p->now);
	s->verdict = rx.verdict;
	if (rx.verdict == PASS && rx.len > 0)
		s->n_data++;
	if (rx.verdict == PASS && rx.len == 0) {
		s->n_keepalives++;
		s->last_keepalive = p->now;
	}
}

static inline void pair_event(struct pair *p, int i, const struct wg_event *event)
{
	struct side *s = &p->side[i];
	struct wg_output out;
	struct addr from = { .family = ADDR_NONE };
	const struct endpoint *to = wg_tunnel_endpoint(s->t, event->peer, &from);

	if (event->kinds & WG_EVENT_ENDPOINT)
		wg_handshaker_set_endpoint(s->h, event->peer, to, &from);
	if (event->kinds & WG_EVENT_HANDSHAKE) {
		wg_handshaker_initiate(s->h, event->peer, to, &from, p->now, pair_wall(p), &out);
		pair_output(p, i, &out);
	}
	if (event->kinds & WG_EVENT_KEEPALIVE)
		(void)pair_seal(p, i, 0);
	if (event->kinds & WG_EVENT_READY) {
		s->n_ready++;
		if (s->staged)
			(void)pair_seal(p, i, 100);
		else if (s->initiator)
			(void)pair_seal(p, i, 0);
		s->staged = false;
	}
}

/* Everything that happens at this very time. */
static inline void pair_settle(struct pair *p)
{
	bool busy = true;

	while (busy) {
		struct wg_event event;

		busy = false;
		for (int i = 0; i < 2; i++) {
			while (wg_tunnel_next_event(p->side[i].t, &event)) {
				pair_event(p, i, &event);
				busy = true;
			}
		}
		if (p->n_wire > 0) {
			struct datagram d = p->wire[0];

			p->n_wire--;
			memmove(p->wire, p->wire + 1, (size_t)p->n_wire * sizeof(d));
			pair_receive(p, &d);
			busy = true;
		}
	}
}

static inline void pair_deadlines(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		struct wg_output out;

		wg_tunnel_on_deadline(p->side[i].t, p->now);
		do {
			wg_handshaker_on_deadline(p->side[i].h, p->now, pair_wall(p), &out);
			pair_output(p, i, &out);
		} while (out.kind != WG_NOTHING);
	}
}

/* Lets @ns pass, with everything that is due on the way. */
static inline void pair_run(struct pair *p, uint64_t ns)
{
	uint64_t until = p->now + ns;

	for (;;) {
		uint64_t next = NEVER;

		pair_settle(p);
		for (int i = 0; i < 2; i++) {
			next = earlier(next, wg_tunnel_next_deadline(p->side[i].t));
			next = earlier(next, wg_handshaker_next_deadline(p->side[i].h));
		}
		if (next > until)
			break;
		if (next > p->now)
			p->now = next;
		pair_deadlines(p);
	}
	p->now = until;
}

/* Side 0 has a session with side 1, confirmed. */
static inline void pair_connect(struct pair *p)
{
	(void)pair_seal(p, 0, 100);
	pair_settle(p);
}

#endif
