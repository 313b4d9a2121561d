/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/device_parts.h"

#include <errno.h>

#include <sodium.h>

static const struct addr any_source;

int device_send(void *device, uint32_t peer, unsigned int lane, const struct udp_tx *tx)
{
	struct device *d = device;
	struct lanes *lanes = d->peers[peer].lanes;

	if (tx->to->stream == 0)
		return d->udp ? udp_send(d->udp, tx) : -ENOTCONN;
	return lanes ? lanes_send(lanes, lane, tx->data, tx->len, tx->segment, d->now) : -ENOTCONN;
}

unsigned int device_lane(const struct device *d, uint32_t peer, uint32_t hash)
{
	return d->peers[peer].lanes ? hash % STREAM_LANES : 0;
}

/* The streams whose @to->stream'th connection leads to @to; NULL if there are none. */
static struct lanes *find_lanes(const struct device *d, const struct endpoint *to)
{
	for (size_t i = 0; i < d->n_streams && to->stream <= STREAM_LANES; i++) {
		struct endpoint e = lanes_endpoint(d->streams[i].lanes, to->stream - 1);

		if (endpoint_equal(&e, to))
			return d->streams[i].lanes;
	}
	return NULL;
}

/* One message of the handshake. */
static void send_message(struct device *d, const struct wg_output *out, const struct endpoint *to,
			 const struct addr *from)
{
	struct udp_tx tx = {
		.data = out->message,
		.len = (uint32_t)out->len,
		.segment = (uint32_t)out->len,
		.to = to,
		.from = from,
	};
	int r = -ENOTCONN;

	counter_add(&d->counters.generated, 1);
	if (to->stream != 0) {
		struct lanes *lanes = find_lanes(d, to);

		if (lanes)
			r = lanes_send(lanes, to->stream - 1, tx.data, tx.len, tx.segment, d->now);
	} else if (d->udp) {
		r = udp_send(d->udp, &tx);
	}
	if (r < 0)
		device_drop(d, to->stream ? DROP_STREAM_STALE : DROP_WG_SEND, 1);
	else
		counter_add(&d->counters.out_tunnel, 1);
}

/* Where the handshaker's own idea of the peer's place is not asked: the fallback knows better. */
static void send_initiation(struct device *d, const struct wg_output *out, enum fallback_way way)
{
	struct device_peer *p = &d->peers[out->peer];

	if (way == FALLBACK_UDP) {
		/* An address of ours that leads nowhere may be why the last one was not answered. */
		if (p->unanswered_since != 0)
			p->udp_from = any_source;
		send_message(d, out, &p->udp, &p->udp_from);
	} else {
		struct endpoint to = lanes_endpoint(p->lanes, 0);

		send_message(d, out, &to, &any_source);
	}
	if (p->unanswered_since == 0)
		p->unanswered_since = d->now;
	fallback_initiation_sent(&p->fallback, way, d->now);
	device_way_changed(d, out->peer);
}

/* By UDP, or by every stream that is open: so the other side knows that they are ours. */
static void send_keepalive(struct device *d, uint32_t peer)
{
	const struct device_peer *p = &d->peers[peer];
	struct addr from;
	const struct endpoint *to = wg_tunnel_endpoint(d->tunnel, peer, &from);

	if (!to || to->stream == 0) {
		outbox_keepalive(d->outbox, peer, 0);
		return;
	}
	for (unsigned int lane = 0; p->lanes && lane < STREAM_LANES; lane++) {
		if (lanes_is_open(p->lanes, lane))
			outbox_keepalive(d->outbox, peer, lane);
	}
}

/* ---- which way ---------------------------------------------------------------- */

/* The tunnel sends by the way in use.  Which stream it was heard on last makes no difference. */
static void point_tunnel(struct device *d, uint32_t peer)
{
	const struct device_peer *p = &d->peers[peer];
	struct addr from;
	const struct endpoint *now_at = wg_tunnel_endpoint(d->tunnel, peer, &from);
	bool by_stream = p->fallback.way == FALLBACK_STREAM;
	struct endpoint to;

	if (now_at && (now_at->stream != 0) == by_stream)
		return;
	to = by_stream ? lanes_endpoint(p->lanes, 0) : p->udp;
	wg_tunnel_set_endpoint(d->tunnel, peer, &to, by_stream ? &any_source : &p->udp_from);
	peer_mtu_forget(d->mtu, peer);
}

void device_way_changed(struct device *d, uint32_t peer)
{
	struct device_peer *p = &d->peers[peer];

	if (p->lanes)
		lanes_want(p->lanes, fallback_wants_streams(&p->fallback), d->now);
	point_tunnel(d, peer);
	deadlines_set(d->due, peer, fallback_next_deadline(&p->fallback));
}

void device_way_configured(struct device *d, uint32_t peer)
{
	struct device_peer *p = &d->peers[peer];

	fallback_configured(&p->fallback, p->udp.addr.family != ADDR_NONE, p->lanes != NULL,
			    d->now);
	device_way_changed(d, peer);
}

/* Whether a peer that was heard by UDP from @at is still to be sent to where it was. */
static bool stays(const struct device *d, const struct device_peer *p, const struct endpoint *at)
{
	return d->pinned && p->udp.addr.family != ADDR_NONE && !endpoint_equal(&p->udp, at);
}

/* The peer was heard by UDP from there. */
static void learn_udp(struct device *d, uint32_t peer, const struct endpoint *at,
		      const struct addr *from)
{
	struct device_peer *p = &d->peers[peer];

	if (stays(d, p, at))
		return;
	p->udp_from = *from;
	if (endpoint_equal(&p->udp, at))
		return;
	p->udp = *at;
	peer_mtu_forget(d->mtu, peer);
	device_way_configured(d, peer);
}

/* ---- handshakes ----------------------------------------------------------------- */

/*
 * The session is in place before its response leaves: the peer's first data message may
 * follow at once.
 */
static void take_session(struct device *d, const struct wg_output *out)
{
	struct device_peer *p = &d->peers[out->peer];

	if (wg_tunnel_install(d->tunnel, &out->keys, d->now) < 0)
		return;
	if (out->to.stream == 0)
		learn_udp(d, out->peer, &out->to, &out->from);
	if (p->fallback.way == FALLBACK_UDP && out->to.stream == 0)
		wg_tunnel_set_endpoint(d->tunnel, out->peer, &p->udp, &p->udp_from);
	if (out->len > 0) {
		bool by_udp = out->to.stream == 0;

		send_message(d, out, by_udp ? &p->udp : &out->to,
			     by_udp ? &p->udp_from : &out->from);
		return;
	}
	p->unanswered_since = 0;
	fallback_answered(&p->fallback, out->to.stream ? FALLBACK_STREAM : FALLBACK_UDP, d->now);
	device_way_changed(d, out->peer);
	if (!outbox_waits(d->outbox, out->peer))
		send_keepalive(d, out->peer); /* confirms the key: the paper, 5.4.6 */
}

void device_output(struct device *d, struct wg_output *out)
{
	switch (out->kind) {
	case WG_NOTHING:
		break;
	case WG_SEND:
		if (out->peer == WG_NO_PEER)
			send_message(d, out, &out->to, &out->from); /* a cookie reply */
		else
			send_initiation(d, out, fallback_next(&d->peers[out->peer].fallback));
		break;
	case WG_SESSION:
		take_session(d, out);
		break;
	case WG_HANDSHAKE_FAILED:
		outbox_purge(d->outbox, out->peer, DROP_WG_NO_SESSION);
		fallback_failed(&d->peers[out->peer].fallback);
		device_way_changed(d, out->peer);
		break;
	}
	sodium_memzero(&out->keys, sizeof(out->keys));
}

static uint64_t session_age(const struct device *d, uint32_t peer)
{
	uint64_t began = counter_get(&wg_tunnel_stats(d->tunnel, peer)->last_handshake);

	return began == 0 ? NEVER : d->now - began;
}

/*
 * Why a handshake is asked for in a session that is not due to be renewed: what was sent has not been
 * answered for KEEPALIVE_TIMEOUT + REKEY_TIMEOUT.
 */
static bool is_silent(const struct device *d, uint32_t peer)
{
	return session_age(d, peer) < REKEY_AFTER_TIME;
}

static void handshake_wanted(struct device *d, uint32_t peer)
{
	struct device_peer *p = &d->peers[peer];
	struct fallback *f = &p->fallback;
	struct wg_output out;

	if (!d->handshaker) {
		outbox_purge(d->outbox, peer, DROP_WG_NO_SESSION);
		return;
	}
	if (!f->has_udp && !f->has_stream) {
		outbox_purge(d->outbox, peer, DROP_WG_NO_ENDPOINT);
		return;
	}
	if (f->way == FALLBACK_STREAM && f->state == FALLBACK_SETTLED && is_silent(d, peer)) {
		/* Streams that have died without a word look open for a long time. */
		lanes_restart(p->lanes);
		fallback_streams(f, false, d->now);
	}
	if (session_age(d, peer) >= REJECT_AFTER_TIME)
		fallback_stuck(f, d->now);
	if (fallback_next(f) == FALLBACK_STREAM && !f->open) {
		fallback_call(f, d->now); /* once there is one */
		device_way_changed(d, peer);
		return;
	}
	wg_handshaker_initiate(d->handshaker, peer, &p->udp, &p->udp_from, d->now, d->wall, &out);
	device_output(d, &out);
	device_way_changed(d, peer);
}

/* @peer has sent something genuine from elsewhere; or by the way that is not in use. */
static void endpoint_changed(struct device *d, uint32_t peer)
{
	struct addr from;
	const struct endpoint *at = wg_tunnel_endpoint(d->tunnel, peer, &from);
	struct endpoint copy;

	if (!at)
		return;
	copy = *at;
	if (copy.stream == 0) {
		learn_udp(d, peer, &copy, &from);
		wg_tunnel_set_endpoint(d->tunnel, peer, &d->peers[peer].udp,
				       &d->peers[peer].udp_from);
	}
	point_tunnel(d, peer);
}

void device_tunnel_events(struct device *d)
{
	struct wg_event event;

	while (wg_tunnel_next_event(d->tunnel, &event)) {
		if (event.kinds & WG_EVENT_ENDPOINT)
			endpoint_changed(d, event.peer);
		if (event.kinds & WG_EVENT_HANDSHAKE)
			handshake_wanted(d, event.peer);
		if (event.kinds & WG_EVENT_READY) {
			d->peers[event.peer].unanswered_since = 0;
			outbox_staged(d->outbox, event.peer);
		}
		if (event.kinds & WG_EVENT_KEEPALIVE)
			send_keepalive(d, event.peer);
	}
}

/* ---- deadlines --------------------------------------------------------------------- */

static void initiate_now(struct device *d, uint32_t peer)
{
	struct device_peer *p = &d->peers[peer];
	enum fallback_way way = p->fallback.call_way;
	struct wg_output out;

	if (!d->handshaker || (way == FALLBACK_STREAM && !p->fallback.open))
		return;
	wg_handshaker_initiate_now(d->handshaker, peer, &p->udp, &p->udp_from, d->now, d->wall,
				   &out);
	if (out.kind == WG_SEND)
		send_initiation(d, &out, way);
}

static void run_fallback(struct device *d, uint32_t peer)
{
	struct device_peer *p = &d->peers[peer];
	enum fallback_action action;
	bool session = session_age(d, peer) < REJECT_AFTER_TIME;

	if (session)
		fallback_heard(&p->fallback,
			       counter_get(&wg_tunnel_stats(d->tunnel, peer)->last_received));
	do {
		action = fallback_run(&p->fallback, d->now);
		switch (action) {
		case FALLBACK_NOTHING:
			break;
		case FALLBACK_INITIATE:
			initiate_now(d, peer);
			break;
		case FALLBACK_KEEPALIVE:
			if (session)
				send_keepalive(d, peer);
			break;
		case FALLBACK_CANCEL:
			if (d->handshaker)
				wg_handshaker_cancel(d->handshaker, peer);
			break;
		}
	} while (action != FALLBACK_NOTHING);
	device_way_changed(d, peer);
}

/* What a stream's queue has dropped was counted as sent. */
static void count_stale(struct device *d, uint32_t n)
{
	struct counter *sent = &d->counters.out_tunnel;

	if (n == 0)
		return;
	counter_set(sent, counter_get(sent) - n);
	device_drop(d, DROP_STREAM_STALE, n);
}

static void run_streams(struct device *d, struct device_stream *s)
{
	unsigned int opened;

	lanes_run(s->lanes, d->now);
	count_stale(d, lanes_stale(s->lanes));
	opened = lanes_opened(s->lanes);
	if (s->peer == WG_NO_PEER)
		return;
	fallback_streams(&d->peers[s->peer].fallback, lanes_open(s->lanes) > 0, d->now);
	device_way_changed(d, s->peer);
	/* A session is used on all of them: the other side shall know the new one. */
	if (opened != 0 && d->peers[s->peer].fallback.way == FALLBACK_STREAM &&
	    d->peers[s->peer].fallback.state == FALLBACK_SETTLED)
		send_keepalive(d, s->peer);
}

void device_run_ways(struct device *d, bool streams)
{
	uint32_t peer;

	for (size_t i = 0; i < d->n_streams; i++) {
		if (streams || lanes_next_deadline(d->streams[i].lanes) <= d->now)
			run_streams(d, &d->streams[i]);
	}
	while ((peer = deadlines_pop(d->due, d->now)) != UINT32_MAX)
		run_fallback(d, peer);
}

uint64_t device_ways_deadline(const struct device *d)
{
	uint64_t next = deadlines_next(d->due);

	for (size_t i = 0; i < d->n_streams; i++)
		next = earlier(next, lanes_next_deadline(d->streams[i].lanes));
	return next;
}
