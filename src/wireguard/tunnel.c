/* SPDX-License-Identifier: BSD-2-Clause */
#include "wireguard/tunnel.h"

#include <errno.h>
#include <stdlib.h>

int wg_tunnel_new(uint32_t peers_max, struct rng *rng, struct wg_tunnel **ret)
{
	size_t n = peers_max ? peers_max : 1;
	struct wg_tunnel *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->rng = rng;
	t->peers_max = peers_max;
	t->peers = calloc(n, sizeof(*t->peers));
	t->queue = calloc(n, sizeof(*t->queue));
	if (!t->peers || !t->queue || index_table_new(peers_max * SESSIONS, &t->indices) < 0 ||
	    deadlines_new(peers_max, &t->deadlines) < 0) {
		wg_tunnel_free(t);
		return -ENOMEM;
	}
	*ret = t;
	return 0;
}

struct wg_tunnel *wg_tunnel_free(struct wg_tunnel *t)
{
	if (!t)
		return NULL;
	for (uint32_t i = 0; t->peers && i < t->peers_max; i++) {
		if (t->peers[i].present)
			sessions_clear(&t->peers[i].sessions, t->indices, i);
	}
	free(t->peers);
	free(t->queue);
	index_table_free(t->indices);
	deadlines_free(t->deadlines);
	free(t);
	return NULL;
}

struct tunnel_peer *tunnel_peer(const struct wg_tunnel *t, uint32_t peer)
{
	if (peer >= t->peers_max || !t->peers[peer].present)
		return NULL;
	return &t->peers[peer];
}

void tunnel_rearm(struct wg_tunnel *t, uint32_t peer)
{
	deadlines_set(t->deadlines, peer, timers_next(&t->peers[peer].timers));
}

void wg_tunnel_peer_add(struct wg_tunnel *t, uint32_t peer, uint16_t keepalive, uint64_t now)
{
	struct tunnel_peer *p = &t->peers[peer];

	if (!p->present) {
		p->present = true;
		sessions_init(&p->sessions);
		timers_init(&p->timers);
		counter_set(&p->stats.rx_bytes, 0);
		counter_set(&p->stats.tx_bytes, 0);
		counter_set(&p->stats.last_handshake, 0);
		counter_set(&p->stats.last_received, 0);
	}
	timers_set_interval(&p->timers, keepalive, now);
	tunnel_rearm(t, peer);
}

void wg_tunnel_peer_remove(struct wg_tunnel *t, uint32_t peer)
{
	struct tunnel_peer *p = tunnel_peer(t, peer);

	if (!p)
		return;
	sessions_clear(&p->sessions, t->indices, peer);
	timers_init(&p->timers);
	tunnel_rearm(t, peer);
	p->endpoint = (struct endpoint){ .port = 0 };
	p->from = (struct addr){ .family = ADDR_NONE };
	p->ask_after = 0;
	p->events = 0; /* its place in the queue is passed over */
	p->present = false;
}

void wg_tunnel_drop_sessions(struct wg_tunnel *t, uint32_t peer)
{
	struct tunnel_peer *p = tunnel_peer(t, peer);

	if (!p)
		return;
	sessions_clear(&p->sessions, t->indices, peer);
	p->ask_after = 0;
}

void wg_tunnel_set_endpoint(struct wg_tunnel *t, uint32_t peer, const struct endpoint *to,
			    const struct addr *from)
{
	struct tunnel_peer *p = tunnel_peer(t, peer);

	if (!p)
		return;
	p->endpoint = *to;
	p->from = *from;
}

const struct endpoint *wg_tunnel_endpoint(const struct wg_tunnel *t, uint32_t peer,
					  struct addr *ret_from)
{
	const struct tunnel_peer *p = tunnel_peer(t, peer);

	if (!p || p->endpoint.addr.family == ADDR_NONE)
		return NULL;
	*ret_from = p->from;
	return &p->endpoint;
}

void tunnel_raise(struct wg_tunnel *t, uint32_t peer, enum wg_event_kind kind)
{
	struct tunnel_peer *p = &t->peers[peer];

	p->events |= kind;
	if (p->queued)
		return;
	p->queued = true;
	t->queue[(t->queue_first + t->queue_len++) % t->peers_max] = peer;
}

bool wg_tunnel_next_event(struct wg_tunnel *t, struct wg_event *ret)
{
	while (t->queue_len > 0) {
		uint32_t peer = t->queue[t->queue_first];
		struct tunnel_peer *p = &t->peers[peer];

		t->queue_first = (t->queue_first + 1) % t->peers_max;
		t->queue_len--;
		p->queued = false;
		if (p->events == 0)
			continue; /* removed meanwhile */
		*ret = (struct wg_event){ .peer = peer, .kinds = p->events };
		p->events = 0;
		return true;
	}
	return false;
}

void tunnel_ask(struct wg_tunnel *t, uint32_t peer, uint64_t now)
{
	struct tunnel_peer *p = &t->peers[peer];

	if (now < p->ask_after)
		return;
	p->ask_after = now + ASK_INTERVAL;
	tunnel_raise(t, peer, WG_EVENT_HANDSHAKE);
}

int wg_tunnel_install(struct wg_tunnel *t, const struct wg_keys *keys, uint64_t now)
{
	struct tunnel_peer *p = tunnel_peer(t, keys->peer);
	int r;

	if (!p)
		return -ENOENT;
	r = sessions_install(&p->sessions, t->indices, keys);
	if (r < 0)
		return r;
	timers_session_installed(&p->timers, now);
	tunnel_rearm(t, keys->peer);
	if (keys->initiator) {
		counter_set(&p->stats.last_handshake, now);
		tunnel_raise(t, keys->peer, WG_EVENT_READY);
	}
	return 0;
}

uint64_t wg_tunnel_next_deadline(const struct wg_tunnel *t)
{
	return deadlines_next(t->deadlines);
}

void wg_tunnel_on_deadline(struct wg_tunnel *t, uint64_t now)
{
	uint32_t peer;

	while ((peer = deadlines_pop(t->deadlines, now)) != UINT32_MAX) {
		struct tunnel_peer *p = &t->peers[peer];
		bool keepalive = timers_take(&p->timers, TIMER_KEEPALIVE, now);
		bool persistent = timers_take(&p->timers, TIMER_PERSISTENT, now);

		if (keepalive || persistent)
			tunnel_raise(t, peer, WG_EVENT_KEEPALIVE);
		if (timers_take(&p->timers, TIMER_HANDSHAKE, now))
			tunnel_ask(t, peer, now);
		if (timers_take(&p->timers, TIMER_ZERO_KEYS, now))
			sessions_clear(&p->sessions, t->indices, peer);
		tunnel_rearm(t, peer);
	}
}

const struct wg_peer_stats *wg_tunnel_stats(const struct wg_tunnel *t, uint32_t peer)
{
	return &t->peers[peer].stats;
}
