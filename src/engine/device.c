/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device.c - one round of a device: sources, then what is due, then what the tunnel asks for
 *
 * device_poll() is the table of contents.  Every source gives at most one batch a round, so none
 * starves another.
 */
#include "engine/device_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/wipe.h"

/* Who was heard in this time counts as used: a session may still be alive. */
#define USED_LATELY REJECT_AFTER_TIME

/* After a change of network: more than a round trip, in which the peers learn where we are now. */
#define MOVING (2 * NS_PER_S)

static int new_parts(struct device *d)
{
	struct outbox_params params;
	int r = wg_tunnel_new(d->peers_max, d->rng, &d->tunnel);

	if (r >= 0)
		r = peer_mtu_new(d->peers_max, OUTBOX_PLAIN, &d->mtu);
	if (r >= 0)
		r = staging_new(d->peers_max, OUTBOX_PLAIN, &d->staging);
	if (r >= 0)
		r = deadlines_new(d->peers_max, &d->due);
	if (r >= 0)
		r = peer_book_new(d->peers_max, &d->book);
	if (r >= 0)
		r = allowed_ips_new(&d->allowed);
	if (r < 0)
		return r;
	params = (struct outbox_params){
		.tunnel = d->tunnel,
		.mtu = d->mtu,
		.staging = d->staging,
		.counters = &d->counters,
		.send = { device_send, d },
	};
	return outbox_new(&params, &d->outbox);
}

int device_new(const struct device_params *params, struct device **ret)
{
	struct device *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->tun = params->tun;
	d->rng = params->rng;
	d->loop = params->loop;
	d->peers_max = params->peers_max;
	d->pinned = params->pinned;
	d->peers = calloc(d->peers_max, sizeof(*d->peers));
	r = d->peers ? new_parts(d) : -ENOMEM;
	if (r >= 0 && d->loop)
		r = loop_add(d->loop, tun_fd(d->tun), LOOP_READ, DEVICE_TUN);
	if (r < 0) {
		d->loop = NULL; /* nothing is registered there */
		device_free(d);
		return r;
	}
	for (uint32_t i = 0; i < d->peers_max; i++)
		fallback_init(&d->peers[i].fallback);
	device_refresh_mtu(d);
	*ret = d;
	return 0;
}

struct device *device_free(struct device *d)
{
	if (!d)
		return NULL;
	if (d->loop) {
		loop_remove(d->loop, tun_fd(d->tun));
		if (d->udp)
			loop_remove(d->loop, udp_fd(d->udp));
	}
	for (size_t i = 0; i < d->n_streams; i++)
		lanes_free(d->streams[i].lanes);
	udp_free(d->udp);
	wg_handshaker_free(d->handshaker);
	outbox_free(d->outbox);
	staging_free(d->staging);
	peer_mtu_free(d->mtu);
	wg_tunnel_free(d->tunnel);
	deadlines_free(d->due);
	allowed_ips_free(d->allowed);
	peer_book_free(d->book);
	free(d->peers);
	wipe(d->private_key, sizeof(d->private_key));
	free(d);
	return NULL;
}

static void set_time(struct device *d, uint64_t now, uint64_t wall)
{
	d->now = now;
	d->wall = wall;
	outbox_set_time(d->outbox, now);
}

static void run_handshaker(struct device *d)
{
	struct wg_output out;

	while (d->handshaker && wg_handshaker_next_deadline(d->handshaker) <= d->now) {
		wg_handshaker_on_deadline(d->handshaker, d->now, d->wall, &out);
		if (out.kind == WG_NOTHING)
			break;
		device_output(d, &out);
	}
}

unsigned int device_poll(struct device *d, unsigned int ready, uint64_t now, uint64_t wall)
{
	unsigned int more = 0;

	set_time(d, now, wall);
	if (ready & DEVICE_UDP)
		more |= device_udp_poll(d);
	if (ready & DEVICE_STREAM)
		more |= device_streams_poll(d);
	device_tunnel_events(d); /* who has roamed is answered where he is now */
	if (ready & DEVICE_TUN)
		more |= device_tun_poll(d);
	/* Before the handshaker: a probe that is over is not repeated. */
	device_run_ways(d, ready & DEVICE_STREAM);
	run_handshaker(d);
	wg_tunnel_on_deadline(d->tunnel, now);
	device_tunnel_events(d);
	outbox_flush(d->outbox);
	device_tunnel_events(d); /* the flush may have asked for a handshake */
	return more;
}

uint64_t device_next_deadline(const struct device *d)
{
	uint64_t next = earlier(wg_tunnel_next_deadline(d->tunnel), device_ways_deadline(d));

	if (d->handshaker)
		next = earlier(next, wg_handshaker_next_deadline(d->handshaker));
	return next;
}

bool device_gone(const struct device *d)
{
	return tun_gone(d->tun);
}

/* ---- what others tell it ------------------------------------------------------ */

static struct device_stream *find_stream(struct device *d, const uint8_t *public_key)
{
	for (size_t i = 0; i < d->n_streams; i++) {
		if (memcmp(d->streams[i].public_key, public_key, WG_KEY_LEN) == 0)
			return &d->streams[i];
	}
	return NULL;
}

static int add_stream(struct device *d, const uint8_t *public_key, struct device_stream **ret)
{
	struct device_stream *s = &d->streams[d->n_streams];
	int r;

	if (d->n_streams == DEVICE_STREAMS_MAX)
		return -ENOSPC;
	r = lanes_new(d->loop, DEVICE_STREAM, &s->lanes);
	if (r < 0)
		return r;
	memcpy(s->public_key, public_key, WG_KEY_LEN);
	s->peer = WG_NO_PEER;
	d->n_streams++;
	*ret = s;
	return 0;
}

int device_set_stream(struct device *d, const uint8_t public_key[static WG_KEY_LEN],
		      const struct endpoint *to, struct stream_tls *tls)
{
	struct device_stream *s = find_stream(d, public_key);
	bool somewhere = to->addr.family != ADDR_NONE;
	int r = 0;

	if (!s && somewhere)
		r = add_stream(d, public_key, &s);
	if (r < 0 || !s)
		return r;
	lanes_set(s->lanes, to, tls);
	s->peer = peer_book_find(d->book, public_key);
	if (s->peer != WG_NO_PEER) {
		d->peers[s->peer].lanes = somewhere ? s->lanes : NULL;
		fallback_streams(&d->peers[s->peer].fallback, lanes_open(s->lanes) > 0, d->now);
		device_way_configured(d, s->peer);
	}
	return 0;
}

void device_set_endpoint(struct device *d, const uint8_t public_key[static WG_KEY_LEN],
			 const struct endpoint *to, uint64_t now)
{
	uint32_t peer = peer_book_find(d->book, public_key);

	if (peer == WG_NO_PEER)
		return;
	set_time(d, now, d->wall);
	device_move_peer(d, peer, to);
}

static bool is_used(const struct device *d, uint32_t peer)
{
	const struct wg_peer_stats *stats = wg_tunnel_stats(d->tunnel, peer);
	uint64_t began = counter_get(&stats->last_handshake);
	uint64_t heard = counter_get(&stats->last_received);
	uint64_t last = began > heard ? began : heard;

	return (last != 0 && d->now - last < USED_LATELY) || d->peers[peer].unanswered_since != 0 ||
	       d->book->peers[peer].keepalive != 0;
}

static void peer_network_changed(struct device *d, uint32_t peer)
{
	struct device_peer *p = &d->peers[peer];
	bool used = is_used(d, peer);

	p->udp_from = (struct addr){ .family = ADDR_NONE };
	peer_mtu_forget(d->mtu, peer);
	if (p->lanes)
		lanes_restart(p->lanes);
	fallback_network_changed(&p->fallback, used, d->now);
	if (p->udp.addr.family != ADDR_NONE)
		wg_tunnel_set_endpoint(d->tunnel, peer, &p->udp, &p->udp_from);
	device_way_changed(d, peer);
	/* With a session the other side follows at once; the handshake shows whether it is there. */
	if (used && p->udp.addr.family != ADDR_NONE)
		outbox_keepalive(d->outbox, peer, 0);
}

void device_network_changed(struct device *d, uint64_t now, uint64_t wall)
{
	set_time(d, now, wall);
	d->mtu_again = 0;
	d->moving_until = now + MOVING;
	for (uint32_t i = 0; i < d->peers_max; i++) {
		if (d->book->peers[i].used)
			peer_network_changed(d, i);
	}
	device_run_ways(d, false);
	device_tunnel_events(d);
}

void device_connect(struct device *d, uint64_t now, uint64_t wall)
{
	set_time(d, now, wall);
	for (uint32_t i = 0; i < d->peers_max; i++) {
		if (!d->book->peers[i].used)
			continue;
		fallback_call(&d->peers[i].fallback, now);
		device_way_changed(d, i);
	}
	device_run_ways(d, false);
}

/* ---- what a person wants to know ------------------------------------------------- */

static void describe_peer(const struct device *d, uint32_t peer, struct device_peer_status *ret)
{
	const struct wg_peer_stats *stats = wg_tunnel_stats(d->tunnel, peer);
	const struct device_peer *p = &d->peers[peer];
	struct addr from;
	const struct endpoint *at = wg_tunnel_endpoint(d->tunnel, peer, &from);

	*ret = (struct device_peer_status){
		.udp = p->udp,
		.last_handshake = counter_get(&stats->last_handshake),
		.last_received = counter_get(&stats->last_received),
		.rx_bytes = counter_get(&stats->rx_bytes),
		.tx_bytes = counter_get(&stats->tx_bytes),
		.mtu = peer_mtu_get(d->mtu, peer, d->now),
		.unanswered_since = p->unanswered_since,
	};
	memcpy(ret->public_key, d->book->peers[peer].public_key, WG_KEY_LEN);
	if (at)
		ret->endpoint = *at;
	if (p->lanes) {
		ret->streams = lanes_open(p->lanes);
		snprintf(ret->stream_error, sizeof(ret->stream_error), "%s", lanes_error(p->lanes));
	}
}

size_t device_peers(const struct device *d, struct device_peer_status *ret, size_t n)
{
	size_t k = 0;

	for (uint32_t i = 0; i < d->peers_max; i++) {
		if (!d->book->peers[i].used)
			continue;
		if (k < n)
			describe_peer(d, i, &ret[k]);
		k++;
	}
	return k;
}

const struct path_counters *device_counters(const struct device *d)
{
	return &d->counters;
}

uint16_t device_port(const struct device *d)
{
	return d->udp ? udp_port(d->udp) : 0;
}
