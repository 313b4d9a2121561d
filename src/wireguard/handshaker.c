/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handshaker.c - whom to answer, when to ask again
 *
 * The states and their timers are drawn in DESIGN.md.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/deadlines.h"
#include "base/wire.h"
#include "crypto/wipe.h"
#include "crypto/x25519.h"
#include "wireguard/cookie.h"
#include "wireguard/noise.h"
#include "wireguard/ratelimit.h"
#include "wireguard/roster.h"
#include "wireguard/stamp.h"

/* So that two sides that lost each other's messages do not collide for ever. */
#define REKEY_JITTER_MAX (334 * NS_PER_MS)

/* One initiation per peer and this long: a handshake costs us about 0.2 ms. */
#define INITIATION_INTERVAL (20 * NS_PER_MS)

struct wg_handshaker {
	struct rng *rng;
	struct noise_self self;
	struct cookie_checker checker;
	struct ratelimit ratelimit;
	struct roster *roster;
	struct deadlines *deadlines; /* one per peer: the next retransmission, or giving up */
};

/* One message on its way through wg_handshaker_receive(). */
struct incoming {
	const uint8_t *message;
	const struct endpoint *from;
	const struct addr *to;
	uint64_t now;
};

int wg_handshaker_new(const uint8_t private_key[static WG_KEY_LEN], uint32_t peers_max,
		      struct rng *rng, struct wg_handshaker **ret)
{
	struct wg_handshaker *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->rng = rng;
	memcpy(h->self.private_key, private_key, WG_KEY_LEN);
	x25519_public(h->self.public_key, private_key);
	cookie_checker_init(&h->checker, h->self.public_key, rng);
	ratelimit_init(&h->ratelimit, rng);
	if (wg_roster_new(peers_max, rng, &h->roster) < 0 ||
	    deadlines_new(peers_max, &h->deadlines) < 0) {
		wg_handshaker_free(h);
		return -ENOMEM;
	}
	*ret = h;
	return 0;
}

struct wg_handshaker *wg_handshaker_free(struct wg_handshaker *h)
{
	if (!h)
		return NULL;
	wg_roster_free(h->roster);
	deadlines_free(h->deadlines);
	wipe(h, sizeof(*h));
	free(h);
	return NULL;
}

int wg_handshaker_peer_set(struct wg_handshaker *h, uint32_t peer,
			   const uint8_t public_key[static WG_KEY_LEN],
			   const uint8_t psk[static WG_KEY_LEN])
{
	uint32_t known = wg_roster_find_key(h->roster, public_key);
	uint8_t static_static[WG_KEY_LEN];
	struct hs_peer *p;

	if (known == peer) {
		memcpy(wg_roster_peer(h->roster, peer)->noise.psk, psk, WG_KEY_LEN);
		return 0;
	}
	if (known != WG_NO_PEER)
		return -EEXIST;
	if (equal_secret(public_key, h->self.public_key, WG_KEY_LEN) ||
	    !x25519(static_static, h->self.private_key, public_key))
		return -EINVAL;
	wg_handshaker_peer_remove(h, peer); /* another key under this number */
	p = wg_roster_add(h->roster, peer, public_key);
	memcpy(p->noise.psk, psk, WG_KEY_LEN);
	memcpy(p->noise.static_static, static_static, WG_KEY_LEN);
	cookie_jar_init(&p->jar, public_key);
	wipe(static_static, sizeof(static_static));
	return 0;
}

/* The only place that writes ->state: each state with its secrets and its timer. */
static void enter(struct wg_handshaker *h, uint32_t peer, enum handshake_state to, uint64_t now)
{
	struct hs_peer *p = wg_roster_peer(h->roster, peer);
	uint64_t again;

	switch (to) {
	case HS_IDLE:
		wipe(&p->pending, sizeof(p->pending));
		deadlines_set(h->deadlines, peer, NEVER);
		break;
	case HS_INITIATION_SENT:
		again = now + REKEY_TIMEOUT + rng_below(h->rng, (uint32_t)REKEY_JITTER_MAX);
		p->may_initiate = now + REKEY_TIMEOUT;
		deadlines_set(h->deadlines, peer,
			      earlier(again, p->attempt_began + REKEY_ATTEMPT_TIME));
		break;
	}
	p->state = to;
}

void wg_handshaker_peer_remove(struct wg_handshaker *h, uint32_t peer)
{
	if (!wg_roster_peer(h->roster, peer))
		return;
	enter(h, peer, HS_IDLE, 0);
	wg_roster_remove(h->roster, peer);
}

/* Fills @out with an initiation to where the peer was last heard. */
static void send_initiation(struct wg_handshaker *h, uint32_t peer, uint64_t now, uint64_t wall,
			    struct wg_output *out)
{
	struct hs_peer *p = wg_roster_peer(h->roster, peer);
	uint8_t stamp[STAMP_LEN];

	p->pending_index = p->state == HS_INITIATION_SENT
				   ? wg_roster_replace_index(h->roster, peer, p->pending_index)
				   : wg_roster_new_index(h->roster, peer);
	p->stamp_sent = stamp_after(wall, p->stamp_sent);
	stamp_store(stamp, p->stamp_sent);
	if (!noise_initiation_create(&h->self, &p->noise, p->pending_index, stamp, h->rng,
				     &p->pending, out->message)) {
		enter(h, peer, HS_IDLE, now);
		return;
	}
	cookie_add_macs(&p->jar, out->message, WG_INITIATION_LEN, now);
	out->kind = WG_SEND;
	out->peer = peer;
	out->to = p->to;
	out->from = p->from;
	out->len = WG_INITIATION_LEN;
	enter(h, peer, HS_INITIATION_SENT, now);
}

void wg_handshaker_initiate(struct wg_handshaker *h, uint32_t peer, const struct endpoint *to,
			    const struct addr *from, uint64_t now, uint64_t wall,
			    struct wg_output *out)
{
	struct hs_peer *p = wg_roster_peer(h->roster, peer);

	*out = (struct wg_output){ .kind = WG_NOTHING, .peer = WG_NO_PEER };
	if (!p || p->state != HS_IDLE || now < p->may_initiate)
		return;
	p->to = *to;
	p->from = *from;
	p->attempt_began = now;
	send_initiation(h, peer, now, wall, out);
}

void wg_handshaker_initiate_now(struct wg_handshaker *h, uint32_t peer, const struct endpoint *to,
				const struct addr *from, uint64_t now, uint64_t wall,
				struct wg_output *out)
{
	struct hs_peer *p = wg_roster_peer(h->roster, peer);

	*out = (struct wg_output){ .kind = WG_NOTHING, .peer = WG_NO_PEER };
	if (!p)
		return;
	p->to = *to;
	p->from = *from;
	if (p->state == HS_IDLE)
		p->attempt_began = now;
	send_initiation(h, peer, now, wall, out);
}

void wg_handshaker_cancel(struct wg_handshaker *h, uint32_t peer)
{
	if (wg_roster_peer(h->roster, peer))
		enter(h, peer, HS_IDLE, 0);
}

uint64_t wg_handshaker_next_deadline(const struct wg_handshaker *h)
{
	return deadlines_next(h->deadlines);
}

void wg_handshaker_on_deadline(struct wg_handshaker *h, uint64_t now, uint64_t wall,
			       struct wg_output *out)
{
	uint32_t peer = deadlines_pop(h->deadlines, now);
	struct hs_peer *p;

	*out = (struct wg_output){ .kind = WG_NOTHING, .peer = WG_NO_PEER };
	if (peer == UINT32_MAX)
		return;
	p = wg_roster_peer(h->roster, peer);
	if (now < p->attempt_began + REKEY_ATTEMPT_TIME) {
		send_initiation(h, peer, now, wall, out);
		return;
	}
	enter(h, peer, HS_IDLE, now);
	out->kind = WG_HANDSHAKE_FAILED;
	out->peer = peer;
}

void wg_handshaker_set_endpoint(struct wg_handshaker *h, uint32_t peer, const struct endpoint *to,
				const struct addr *from)
{
	struct hs_peer *p = wg_roster_peer(h->roster, peer);

	if (!p)
		return;
	p->to = *to;
	p->from = *from;
}

/* The session that @state ends in. */
static void yield_session(struct wg_output *out, const struct incoming *in, uint32_t peer,
			  const struct noise_state *state, bool initiator)
{
	struct wg_keys *k = &out->keys;

	out->kind = WG_SESSION;
	out->peer = peer;
	out->to = *in->from;
	out->from = *in->to;
	k->peer = peer;
	k->initiator = initiator;
	k->birth = in->now;
	k->remote_index = load_le32(in->message + SENDER_AT);
	if (initiator)
		noise_split(state, k->send_key, k->receive_key);
	else
		noise_split(state, k->receive_key, k->send_key);
}

/* Whether the initiation is new and comes at a bearable rate; notes that it has been seen. */
static enum verdict admit_initiation(struct hs_peer *p, const uint8_t stamp[static STAMP_LEN],
				     uint64_t now)
{
	if (memcmp(stamp, p->stamp_seen, STAMP_LEN) <= 0)
		return DROP_WG_REPLAY;
	if (now < p->may_respond)
		return DROP_WG_RATE;
	memcpy(p->stamp_seen, stamp, STAMP_LEN);
	p->may_respond = now + INITIATION_INTERVAL;
	return PASS;
}

static enum verdict consume_initiation(struct wg_handshaker *h, const struct incoming *in,
				       struct noise_state *state, struct wg_output *out)
{
	uint8_t public_key[WG_KEY_LEN];
	uint8_t stamp[STAMP_LEN];
	enum verdict v;
	struct hs_peer *p;
	uint32_t peer;

	if (!noise_initiation_identify(&h->self, in->message, state, public_key))
		return DROP_WG_HANDSHAKE;
	peer = wg_roster_find_key(h->roster, public_key);
	p = wg_roster_peer(h->roster, peer);
	if (!p)
		return DROP_WG_UNKNOWN_PEER;
	if (!noise_initiation_prove(&p->noise, in->message, state, stamp))
		return DROP_WG_HANDSHAKE;
	v = admit_initiation(p, stamp, in->now);
	if (v != PASS)
		return v;
	/* Only now is it known who speaks: our own retransmissions follow it there. */
	p->to = *in->from;
	p->from = *in->to;
	out->keys.local_index = wg_roster_new_index(h->roster, peer);
	if (!noise_response_create(&p->noise, out->keys.local_index,
				   load_le32(in->message + SENDER_AT), h->rng, state, out->message))
		return DROP_WG_HANDSHAKE;
	cookie_add_macs(&p->jar, out->message, WG_RESPONSE_LEN, in->now);
	out->len = WG_RESPONSE_LEN;
	yield_session(out, in, peer, state, false);
	return PASS;
}

static enum verdict receive_initiation(struct wg_handshaker *h, const struct incoming *in,
				       struct wg_output *out)
{
	struct noise_state state;
	enum verdict v = consume_initiation(h, in, &state, out);

	wipe(&state, sizeof(state));
	return v;
}

static enum verdict receive_response(struct wg_handshaker *h, const struct incoming *in,
				     struct wg_output *out)
{
	uint32_t index = wg_receiver_index(in->message);
	uint32_t peer = wg_roster_find_index(h->roster, index);
	struct hs_peer *p = wg_roster_peer(h->roster, peer);

	if (!p || p->state != HS_INITIATION_SENT || p->pending_index != index)
		return DROP_WG_INDEX;
	if (!noise_response_consume(&h->self, &p->noise, in->message, &p->pending))
		return DROP_WG_HANDSHAKE;
	p->to = *in->from;
	p->from = *in->to;
	out->keys.local_index = index;
	yield_session(out, in, peer, &p->pending, true);
	enter(h, peer, HS_IDLE, in->now);
	return PASS;
}

static enum verdict receive_cookie_reply(struct wg_handshaker *h, const struct incoming *in)
{
	uint32_t peer = wg_roster_find_index(h->roster, wg_receiver_index(in->message));
	struct hs_peer *p = wg_roster_peer(h->roster, peer);

	/* The retransmission that is due anyhow carries MAC2: nothing is sent at once. */
	if (!p)
		return DROP_WG_INDEX;
	return cookie_reply_consume(&p->jar, in->message, in->now) ? PASS : DROP_WG_HANDSHAKE;
}

/* The paper, 5.3: what a stranger must show before we compute for him. */
static enum verdict check_macs(struct wg_handshaker *h, const struct incoming *in, size_t len,
			       bool load, struct wg_output *out)
{
	if (!cookie_mac1_valid(&h->checker, in->message, len))
		return DROP_WG_MAC;
	if (!load)
		return PASS;
	if (cookie_mac2_valid(&h->checker, in->message, len, in->from, in->now))
		return ratelimit_admit(&h->ratelimit, &in->from->addr, in->now) ? PASS
										: DROP_WG_RATE;
	cookie_reply_create(&h->checker, in->message, len, in->from, in->now, out->message);
	out->kind = WG_SEND;
	out->to = *in->from;
	out->from = *in->to;
	out->len = WG_COOKIE_REPLY_LEN;
	return DROP_WG_COOKIE;
}

enum verdict wg_handshaker_receive(struct wg_handshaker *h, const uint8_t *message, size_t len,
				   const struct endpoint *from, const struct addr *to, bool load,
				   uint64_t now, struct wg_output *out)
{
	const struct incoming in = { message, from, to, now };
	int type = wg_message_type(message, len);
	enum verdict v;

	*out = (struct wg_output){ .kind = WG_NOTHING, .peer = WG_NO_PEER };
	if (type == WG_COOKIE_REPLY)
		return receive_cookie_reply(h, &in);
	if (type != WG_INITIATION && type != WG_RESPONSE)
		return DROP_WG_MALFORMED;
	v = check_macs(h, &in, len, load, out);
	if (v != PASS)
		return v;
	return type == WG_INITIATION ? receive_initiation(h, &in, out)
				     : receive_response(h, &in, out);
}
