/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/path.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "engine/ecn.h"
#include "packet/flow_hash.h"
#include "packet/fragment.h"

int path_send(void *worker, uint32_t peer, unsigned int lane, const struct udp_tx *tx)
{
	struct worker *w = worker;

	return tx->to->stream == 0 ? udp_send(w->udp, tx) : path_send_by_stream(w, peer, lane, tx);
}

void path_packet_to_peer(struct worker *w, uint32_t peer, const uint8_t *packet, size_t len)
{
	const struct endpoint *to = wg_tunnel_endpoint(w->tunnel, peer, &(struct addr){ 0 });
	unsigned int lane;

	if (!to) {
		path_drop(w, DROP_WG_NO_ENDPOINT, 1);
		return;
	}
	lane = path_lane(to, flow_hash(packet, len));
	memcpy(outbox_room(w->outbox, peer, lane, 0, (uint32_t)len), packet, len);
	outbox_add(w->outbox, (uint32_t)len);
}

/* RFC 4787 REQ-13a: what may be fragmented is. */
static void fragments_to_peer(struct worker *w, uint32_t peer, unsigned int lane,
			      const struct train *t)
{
	uint32_t mtu = path_mtu(w, peer);
	struct fragments f;
	struct cut cut;
	size_t len;

	cut_start(&cut, t);
	while ((len = cut_next(&cut, w->scratch, sizeof(w->scratch))) > 0) {
		uint8_t *out = outbox_room(w->outbox, peer, lane, t->tos & ECN_MASK, mtu);
		uint32_t n = 0;
		size_t part;

		fragments_start(&f, w->scratch, len, mtu);
		while ((part = fragments_next(&f, out)) > 0) {
			outbox_add(w->outbox, (uint32_t)part);
			out = outbox_room(w->outbox, peer, lane, t->tos & ECN_MASK, mtu);
			n++;
		}
		counter_add(&w->counters.generated, n - 1); /* one came, n go */
	}
}

void path_cross(struct worker *w, unsigned int owner, enum post_kind kind, uint32_t peer,
		uint32_t client, const struct train *t)
{
	struct post_train head = {
		.peer = peer,
		.client = client,
		.gso_size = t->gso_size,
		.csum = (uint8_t)t->csum,
		.len = t->len,
	};
	uint8_t *p = post_reserve(w->post, w->number, owner, kind, sizeof(head) + t->len);

	if (!p) {
		path_drop(w, DROP_NO_MEMORY, train_segments(t));
		return;
	}
	memcpy(p, &head, sizeof(head));
	train_linearize(t, p + sizeof(head), t->len);
	post_commit(w->post, w->number, owner, sizeof(head) + t->len);
}

/*
 * A peer may be reached through another's tunnel, a phone behind a router for instance, but a
 * peer whose endpoint is its own inside address, or two that stand behind each other, would
 * make each datagram of ours the payload of the next.
 */
static bool is_loop(const struct worker *w, const struct train *t, const struct endpoint *to)
{
	uint16_t own = to->stream ? w->stream_port : udp_port(w->udp);

	return t->proto == (to->stream ? IPPROTO_NUM_TCP : IPPROTO_NUM_UDP) && t->sport == own &&
	       allowed_ips_find(w->table->allowed, &to->addr) != WG_NO_PEER;
}

void path_to_peer(struct worker *w, uint32_t peer, const struct train *t, uint32_t client)
{
	unsigned int owner = peer_worker(peer, w->workers);
	const struct endpoint *to;
	struct addr from;
	unsigned int lane;
	struct cut cut;
	uint32_t mtu;
	size_t len;

	if (owner != w->number) {
		path_cross(w, owner, POST_TRAIN_TO_PEER, peer, client, t); /* who cuts it */
		return;
	}
	to = wg_tunnel_endpoint(w->tunnel, peer, &from);
	if (!to || (client == FROM_HOST && is_loop(w, t, to))) {
		path_drop(w, to ? DROP_WG_LOOP : DROP_WG_NO_ENDPOINT, train_segments(t));
		return;
	}
	lane = path_lane(to, train_flow_hash(t));
	mtu = path_mtu(w, peer);
	if (train_segment_len(t) > mtu) {
		if (t->dont_fragment)
			path_too_big(w, t, client, peer, mtu);
		else
			fragments_to_peer(w, peer, lane, t);
		return;
	}
	cut_start(&cut, t);
	/* RFC 6040 section 4.1: the inner ECN field is copied to the outer header. */
	while ((len = cut_next(&cut, outbox_room(w->outbox, peer, lane, t->tos & ECN_MASK, mtu),
			       mtu)) > 0)
		outbox_add(w->outbox, (uint32_t)len);
}

static void tell_endpoint(struct worker *w, unsigned int thread, enum post_kind kind, uint32_t peer)
{
	struct post_peer body = { .peer = peer };
	const struct endpoint *to = wg_tunnel_endpoint(w->tunnel, peer, &body.from);

	if (!to)
		return;
	body.to = *to;
	/* A full ring loses a request that the timers repeat. */
	(void)post_send(w->post, w->number, thread, kind, &body, sizeof(body), NULL, 0);
}

void path_tunnel_events(struct worker *w)
{
	struct wg_event event;
	struct addr from;

	while (wg_tunnel_next_event(w->tunnel, &event)) {
		if (event.kinds & WG_EVENT_ENDPOINT) {
			peer_mtu_forget(w->mtu, event.peer);
			tell_endpoint(w, post_handshake(w->workers), POST_ENDPOINT, event.peer);
			tell_endpoint(w, post_main(w->workers), POST_ENDPOINT, event.peer);
		}
		if (event.kinds & WG_EVENT_HANDSHAKE) {
			/* To another stream it has moved without an event: wireguard/open.c. */
			if (path_mend_endpoint(w, event.peer))
				tell_endpoint(w, post_handshake(w->workers), POST_ENDPOINT,
					      event.peer);
			tell_endpoint(w, post_handshake(w->workers), POST_INITIATE, event.peer);
			if (!wg_tunnel_endpoint(w->tunnel, event.peer, &from))
				outbox_purge(w->outbox, event.peer, DROP_WG_NO_ENDPOINT);
		}
		if (event.kinds & WG_EVENT_READY)
			outbox_staged(w->outbox, event.peer);
		if (event.kinds & WG_EVENT_KEEPALIVE)
			outbox_keepalive(w->outbox, event.peer, 0);
	}
}

static void send_response(struct worker *w, const struct post_session *s)
{
	struct udp_tx tx = {
		.data = s->response,
		.len = s->len,
		.segment = s->len,
		.to = &s->to,
		.from = &s->from,
	};

	counter_add(&w->counters.generated, 1);
	if (s->to.stream != 0) {
		/* Who sends it counts it. */
		if (!post_to_stream(w->post, w->number, w->workers, s->to.stream, s->response,
				    s->len, s->len))
			path_drop(w, DROP_NO_MEMORY, 1);
	} else if (udp_send(w->udp, &tx) < 0) {
		path_drop(w, DROP_WG_SEND, 1);
	} else {
		counter_add(&w->counters.out_tunnel, 1);
	}
}

/* Where the handshake was made. */
static void take_endpoint(struct worker *w, uint32_t peer, const struct post_session *s)
{
	const struct endpoint *old = wg_tunnel_endpoint(w->tunnel, peer, &(struct addr){ 0 });

	if (!old || !endpoint_equal(old, &s->to))
		peer_mtu_forget(w->mtu, peer);
	wg_tunnel_set_endpoint(w->tunnel, peer, &s->to, &s->from);
	if (s->to.stream != 0)
		path_heard_by_stream(w, peer, &s->to, &s->from);
	tell_endpoint(w, post_main(w->workers), POST_ENDPOINT, peer);
}

/*
 * The session is in place before its response leaves: the peer's first data message may
 * follow at once.
 */
void path_session(struct worker *w, struct post_session *s)
{
	uint32_t peer = s->keys.peer;
	const struct table_peer *known = peer < w->table->n_slots ? &w->table->peers[peer] : NULL;

	/* A number that has gone to another peer since is not given this one's session. */
	if (known && known->used && known->incarnation == s->incarnation &&
	    wg_tunnel_install(w->tunnel, &s->keys, w->now) == 0) {
		take_endpoint(w, peer, s);
		if (s->len > 0)
			send_response(w, s);
		else if (!outbox_waits(w->outbox, peer))
			/* Confirms the key: the paper, 5.4.6. */
			outbox_keepalive(w->outbox, peer, 0);
	}
	sodium_memzero(s, sizeof(*s));
}
