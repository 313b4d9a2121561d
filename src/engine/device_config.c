/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device_config.c - what a request changes: prepared whole, then taken over without a step that may fail
 */
#include "engine/device_parts.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "crypto/wipe.h"

/* What will be in force; NULL: stays as it is. */
struct change {
	bool rekey;
	bool has_key;
	uint8_t private_key[WG_KEY_LEN];
	uint8_t public_key[WG_KEY_LEN];
	struct peer_book *book;
	struct allowed_ips *allowed;
	struct wg_handshaker *handshaker; /* rekey, has_key */
	struct udp *udp;
	uint16_t asked_port;
	uint32_t fwmark;
};

static void prepare_key(const struct device *d, const struct uapi_set *set, struct change *c)
{
	c->has_key = d->has_key;
	memcpy(c->public_key, d->public_key, WG_KEY_LEN);
	c->rekey = set->has_private_key &&
		   sodium_memcmp(set->private_key, d->private_key, WG_KEY_LEN) != 0;
	if (!c->rekey)
		return;
	memcpy(c->private_key, set->private_key, WG_KEY_LEN);
	/* The protocol's way to say "none". */
	c->has_key = !sodium_is_zero(c->private_key, WG_KEY_LEN);
	if (c->has_key)
		wg_public_key(c->public_key, c->private_key);
}

static int prepare_peers(const struct device *d, const struct uapi_set *set, struct change *c)
{
	int r;

	if (!c->rekey && !set->replace_peers && set->n_peers == 0)
		return 0;
	r = peer_book_copy(d->book, &c->book);
	if (r >= 0)
		r = peer_book_apply(c->book, set, c->has_key ? c->public_key : NULL);
	if (r >= 0)
		r = allowed_list_build(c->book->allowed, &c->allowed);
	return r;
}

static int prepare_handshaker(struct device *d, struct change *c)
{
	int r;

	if (!c->rekey || !c->has_key)
		return 0;
	r = wg_handshaker_new(c->private_key, d->peers_max, d->rng, &c->handshaker);
	for (uint32_t i = 0; i < d->peers_max && r >= 0; i++) {
		const struct book_peer *p = &c->book->peers[i];

		if (p->used)
			r = wg_handshaker_peer_set(c->handshaker, i, p->public_key,
						   p->preshared_key);
	}
	return r;
}

/* A socket that is to be another one is opened beside the one in use. */
static int prepare_socket(const struct device *d, const struct uapi_set *set, struct change *c)
{
	struct udp_params params;
	int r;

	c->fwmark = set->has_fwmark ? set->fwmark : d->fwmark;
	c->asked_port = set->has_listen_port ? set->listen_port : d->asked_port;
	if (d->udp && (c->asked_port == d->asked_port || c->asked_port == udp_port(d->udp)))
		return c->fwmark == d->fwmark ? 0 : udp_set_fwmark(d->udp, c->fwmark);
	params = (struct udp_params){ .port = c->asked_port, .fwmark = c->fwmark };
	r = udp_open_group(&params, &c->udp);
	if (r >= 0 && d->loop) {
		r = loop_add(d->loop, udp_fd(c->udp), LOOP_READ, DEVICE_UDP);
		if (r < 0)
			c->udp = udp_free(c->udp);
	}
	return r;
}

/* What was not taken over. */
static void change_done(struct change *c)
{
	peer_book_free(c->book);
	allowed_ips_free(c->allowed);
	wg_handshaker_free(c->handshaker);
	wipe(c, sizeof(*c));
}

/* ---- taking over ------------------------------------------------------------------ */

static void take_socket(struct device *d, struct change *c)
{
	d->fwmark = c->fwmark;
	d->asked_port = c->asked_port;
	if (!c->udp)
		return;
	if (d->udp && d->loop)
		loop_remove(d->loop, udp_fd(d->udp));
	udp_free(d->udp);
	d->udp = c->udp;
	c->udp = NULL;
}

static void remove_peer(struct device *d, uint32_t number, bool keep_handshaker)
{
	struct device_peer *p = &d->peers[number];

	outbox_purge(d->outbox, number, DROP_ROUTE_NO_PEER);
	peer_mtu_forget(d->mtu, number);
	wg_tunnel_peer_remove(d->tunnel, number);
	if (d->handshaker && !keep_handshaker)
		wg_handshaker_peer_remove(d->handshaker, number);
	deadlines_set(d->due, number, NEVER);
	if (p->lanes)
		lanes_want(p->lanes, false, d->now);
	for (size_t i = 0; i < d->n_streams; i++) {
		if (d->streams[i].peer == number)
			d->streams[i].peer = WG_NO_PEER;
	}
	*p = (struct device_peer){ .lanes = NULL };
	fallback_init(&p->fallback);
}

void device_move_peer(struct device *d, uint32_t peer, const struct endpoint *to)
{
	static const struct addr any;
	struct device_peer *p = &d->peers[peer];

	p->udp = *to;
	p->udp.stream = 0;
	p->udp_from = any;
	peer_mtu_forget(d->mtu, peer);
	device_way_configured(d, peer);
	if (p->fallback.way == FALLBACK_UDP)
		wg_tunnel_set_endpoint(d->tunnel, peer, &p->udp, &any);
}

static void add_peer(struct device *d, uint32_t number)
{
	const struct book_peer *in = &d->book->peers[number];
	struct device_peer *p = &d->peers[number];

	for (size_t i = 0; i < d->n_streams; i++) {
		struct endpoint to = lanes_endpoint(d->streams[i].lanes, 0);

		if (memcmp(d->streams[i].public_key, in->public_key, WG_KEY_LEN) != 0)
			continue;
		d->streams[i].peer = number;
		if (to.addr.family != ADDR_NONE)
			p->lanes = d->streams[i].lanes;
	}
	wg_tunnel_peer_add(d->tunnel, number, in->keepalive, d->now);
	p->udp = in->endpoint;
	device_way_configured(d, number);
}

static void take_peer(struct device *d, const struct book_peer *old, uint32_t number)
{
	const struct book_peer *new = &d->book->peers[number];
	bool same = old->used && new->used && old->incarnation == new->incarnation;

	if (!new->used)
		return;
	if (!same) {
		add_peer(d, number);
		return;
	}
	if (old->keepalive != new->keepalive)
		wg_tunnel_peer_add(d->tunnel, number, new->keepalive, d->now);
	if (new->endpoint.addr.family != ADDR_NONE)
		device_move_peer(d, number, &new->endpoint);
}

/* Removals first: a key may have moved to another number. */
static void take_peers(struct device *d, struct change *c)
{
	struct peer_book *old = d->book;

	if (!c->book)
		return;
	for (uint32_t i = 0; i < d->peers_max; i++) {
		if (old->peers[i].used &&
		    (!c->book->peers[i].used ||
		     old->peers[i].incarnation != c->book->peers[i].incarnation))
			remove_peer(d, i, c->rekey);
	}
	d->book = c->book;
	c->book = old; /* to be freed */
	allowed_ips_free(d->allowed);
	d->allowed = c->allowed;
	c->allowed = NULL;
	for (uint32_t i = 0; i < d->peers_max; i++)
		take_peer(d, &old->peers[i], i);
}

/* New peers and new pre-shared keys, where the handshaker stays.  None can be refused: see peer_book.h. */
static void update_handshaker(struct device *d, const struct peer_book *old)
{
	for (uint32_t i = 0; i < d->peers_max; i++) {
		const struct book_peer *new = &d->book->peers[i];
		bool same = old->peers[i].incarnation ==
			    new->incarnation &&memcmp(old->peers[i].preshared_key,
						      new->preshared_key, WG_KEY_LEN) == 0;

		if (new->used && !same)
			(void)wg_handshaker_peer_set(d->handshaker, i, new->public_key,
						     new->preshared_key);
	}
}

static void take_key(struct device *d, struct change *c)
{
	if (!c->rekey)
		return;
	d->has_key = c->has_key;
	memcpy(d->private_key, c->private_key, WG_KEY_LEN);
	memcpy(d->public_key, c->public_key, WG_KEY_LEN);
	wg_handshaker_free(d->handshaker);
	d->handshaker = c->handshaker;
	c->handshaker = NULL;
	for (uint32_t i = 0; i < d->peers_max; i++) {
		if (d->book->peers[i].used)
			wg_tunnel_drop_sessions(d->tunnel, i);
	}
}

int device_set(struct device *d, const struct uapi_set *set, uint64_t now, uint64_t wall)
{
	struct change c = { .book = NULL };
	int r;

	d->now = now;
	d->wall = wall;
	outbox_set_time(d->outbox, now);
	prepare_key(d, set, &c);
	r = prepare_peers(d, set, &c);
	if (r >= 0)
		r = prepare_handshaker(d, &c);
	if (r >= 0)
		r = prepare_socket(d, set,
				   &c); /* last: it may change the mark of the socket in use */
	if (r >= 0) {
		outbox_flush(d->outbox);
		take_socket(d, &c);
		take_key(d, &c);
		take_peers(d, &c);
		if (c.book && d->handshaker && !c.rekey)
			update_handshaker(d, c.book);
		device_tunnel_events(d);
	}
	change_done(&c);
	return r;
}

/* ---- the answer to wg(8) -------------------------------------------------------------- */

static void fill_times(const struct device *d, uint32_t number, struct uapi_peer *out, uint64_t now,
		       uint64_t wall)
{
	const struct wg_peer_stats *stats = wg_tunnel_stats(d->tunnel, number);
	uint64_t handshake = counter_get(&stats->last_handshake);

	out->rx_bytes = counter_get(&stats->rx_bytes);
	out->tx_bytes = counter_get(&stats->tx_bytes);
	if (handshake == 0)
		return;
	handshake = wall - (now - handshake);
	out->last_handshake_s = handshake / NS_PER_S;
	out->last_handshake_ns = (uint32_t)(handshake % NS_PER_S);
}

/* @prefixes: where this peer's are written.  Return: how many there are. */
static size_t fill_peer(const struct device *d, uint32_t number, struct uapi_peer *out,
			struct prefix *prefixes)
{
	const struct book_peer *p = &d->book->peers[number];
	struct addr from;
	const struct endpoint *at = wg_tunnel_endpoint(d->tunnel, number, &from);

	memcpy(out->public_key, p->public_key, WG_KEY_LEN);
	memcpy(out->preshared_key, p->preshared_key, WG_KEY_LEN);
	out->keepalive = p->keepalive;
	if (at)
		out->endpoint = *at;
	out->allowed = prefixes;
	out->n_allowed = allowed_list_count(d->book->allowed, number);
	allowed_list_get(d->book->allowed, number, prefixes);
	return out->n_allowed;
}

static size_t count_prefixes(const struct device *d)
{
	size_t n = 0;

	for (uint32_t i = 0; i < d->peers_max; i++)
		n += allowed_list_count(d->book->allowed, i);
	return n;
}

char *device_get(const struct device *d, uint64_t now, uint64_t wall)
{
	struct uapi_peer *peers = calloc((size_t)d->book->n + 1, sizeof(*peers));
	struct prefix *prefixes = calloc(count_prefixes(d) + 1, sizeof(*prefixes));
	struct uapi_device device = { .listen_port = device_port(d), .fwmark = d->fwmark };
	char *text = NULL;

	memcpy(device.private_key, d->private_key, WG_KEY_LEN);
	if (peers && prefixes) {
		struct prefix *next = prefixes;

		for (uint32_t i = 0; i < d->peers_max; i++) {
			struct uapi_peer *out = &peers[device.n_peers];

			if (!d->book->peers[i].used)
				continue;
			next += fill_peer(d, i, out, next);
			fill_times(d, i, out, now, wall);
			device.n_peers++;
		}
		device.peers = peers;
		text = uapi_format_get(&device);
	}
	if (peers)
		wipe(peers, ((size_t)d->book->n + 1) * sizeof(*peers));
	wipe(&device, sizeof(device));
	free(peers);
	free(prefixes);
	return text;
}
