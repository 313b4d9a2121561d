/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/blake2s.h"
#include "world_parts.h"

#define CLIENT_MTU 1420

static const struct addr any;

int world_client(const struct world *w, const char *name)
{
	for (int i = 0; i < w->n_clients; i++)
		if (strcmp(w->clients[i].name, name) == 0)
			return i;
	return -1;
}

static void begin(struct world *w, struct client *c)
{
	wg_handshaker_new(c->private_key, 1, &w->rng, &c->handshaker);
	wg_handshaker_peer_set(c->handshaker, 0, w->public_key, c->psk);
	wg_tunnel_new(1, &w->rng, &c->tunnel);
	wg_tunnel_peer_add(c->tunnel, 0, c->keepalive, w->now);
	wg_tunnel_set_endpoint(c->tunnel, 0, &w->where, &any);
}

int world_add_client(struct world *w, const char *name, uint32_t ip4, uint16_t keepalive,
		     bool configured, bool psk)
{
	struct client *c = &w->clients[w->n_clients];

	snprintf(c->name, sizeof(c->name), "%s", name);
	c->keepalive = keepalive;
	c->configured = configured;
	c->allowed[0] = (struct prefix){ addr_ip4(ip4), 32 };
	prefix_parse("fd77::/128", &c->allowed[1]);
	c->allowed[1].addr.bytes[15] = (uint8_t)ip4;
	c->where =
		(struct endpoint){ addr_ip4(0xcb007100u + 10u + (uint32_t)w->n_clients), 40000, 0 };
	wg_private_key(&w->rng, c->private_key);
	wg_public_key(c->public_key, c->private_key);
	if (psk)
		rng_fill(&w->rng, c->psk, sizeof(c->psk));
	c->lane = -1;
	c->got = calloc(1, sizeof(*c->got));
	c->waiting = calloc(1, sizeof(*c->waiting));
	begin(w, c);
	w->n_clients++;
	world_publish(w);
	return w->n_clients - 1;
}

void clients_free(struct world *w)
{
	for (int i = 0; i < w->n_clients; i++) {
		for (int lane = 0; lane < STREAMS_MAX; lane++)
			world_client_hang_up(w, i, lane);
		wg_handshaker_free(w->clients[i].handshaker);
		wg_tunnel_free(w->clients[i].tunnel);
		free(w->clients[i].got);
		free(w->clients[i].waiting);
	}
}

void world_remove_client(struct world *w, int client)
{
	w->clients[client].configured = false;
	world_publish(w);
}

void world_move_client(struct world *w, int client, const struct endpoint *where)
{
	w->clients[client].where = *where;
}

void world_client_lose(struct world *w, int client, unsigned int n)
{
	w->clients[client].lose = n;
}

void world_client_sleep(struct world *w, int client, bool asleep)
{
	w->clients[client].asleep = asleep;
}

void world_client_reborn(struct world *w, int client)
{
	struct client *c = &w->clients[client];

	wg_handshaker_free(c->handshaker);
	wg_tunnel_free(c->tunnel);
	begin(w, c);
}

void world_client_mark(struct world *w, int client, uint8_t tos)
{
	w->clients[client].tos = tos;
}

uint8_t world_client_tos(const struct world *w, int client)
{
	return w->clients[client].tos_got;
}

struct wire_packet *world_last(struct world *w, int client, bool initiation)
{
	struct client *c = &w->clients[client];

	return initiation ? &c->last_hello : &c->last;
}

uint64_t world_handshakes(const struct world *w, int client)
{
	return w->clients[client].handshakes;
}

static void datagram(struct world *w, struct client *c, const uint8_t *data, size_t len)
{
	struct wire_packet p = { .from = c->where, .to = w->where, .tos = c->tos, .len = len };

	memcpy(p.data, data, len);
	if (wg_message_type(data, len) == WG_DATA)
		c->last = p;
	if (wg_message_type(data, len) == WG_INITIATION)
		c->last_hello = p;
	if (c->asleep)
		return;
	if (c->lose > 0) {
		c->lose--;
		return;
	}
	if (c->lane >= 0)
		wire_call(c->streams[c->lane], data, len);
	else
		wire_tunnel_in(w->udp, w->workers, &p);
}

void world_client_stream(struct world *w, int client, int lane)
{
	struct client *c = &w->clients[client];
	struct endpoint from = c->where;

	c->lane = lane;
	if (lane < 0 || (c->streams[lane] && !wire_gone(c->streams[lane])))
		return;
	world_client_hang_up(w, client, lane);
	from.port = (uint16_t)(50000 + lane);
	c->streams[lane] = wire_connect(&from, &w->where.addr);
	world_settle(w);
}

void world_client_repeat(struct world *w, int client, int other)
{
	const struct client *c = &w->clients[client];
	const struct wire_packet *p = &w->clients[other].last;

	if (c->lane >= 0 && c->streams[c->lane])
		wire_call(c->streams[c->lane], p->data, p->len);
}

void world_client_hang_up(struct world *w, int client, int lane)
{
	struct stream **s = &w->clients[client].streams[lane];

	if (*s)
		wire_hang_up(*s);
	*s = NULL;
}

unsigned int world_client_came(struct world *w, int client, int lane)
{
	unsigned int n = w->clients[client].came[lane];

	w->clients[client].came[lane] = 0;
	return n;
}

void world_client_congest(struct world *w, int client, int lane, bool on)
{
	if (w->clients[client].streams[lane])
		wire_congest(w->clients[client].streams[lane], on);
}

/* Encrypts one packet, or keeps it until there is a session. */
static void encrypt(struct world *w, struct client *c, const uint8_t *packet, size_t len)
{
	static uint8_t message[2200];
	struct wg_tx tx = { .message = message, .plain_len = (uint32_t)len };
	struct wire_packet keep = { .len = len };

	if (len > 0)
		memcpy(message + WG_DATA_HEADER_LEN, packet, len);
	if (wg_tunnel_seal(c->tunnel, 0, &tx, 1, CLIENT_MTU, w->now) == PASS) {
		datagram(w, c, message, tx.len);
		return;
	}
	if (len == 0)
		return;
	memcpy(keep.data, packet, len);
	wire_put(c->waiting, &keep);
}

static void output(struct world *w, struct client *c, struct wg_output *out)
{
	if (out->kind == WG_SEND)
		datagram(w, c, out->message, out->len);
	if (out->kind != WG_SESSION)
		return;
	wg_tunnel_install(c->tunnel, &out->keys, w->now);
	wg_tunnel_set_endpoint(c->tunnel, 0, &w->where, &any);
	c->handshakes++;
	if (out->len > 0)
		datagram(w, c, out->message, out->len);
	else if (c->waiting->n == 0)
		encrypt(w, c, NULL, 0);
}

static void events(struct world *w, struct client *c)
{
	struct wire_packet p;
	struct wg_output out;
	struct wg_event event;

	while (wg_tunnel_next_event(c->tunnel, &event)) {
		if (event.kinds & WG_EVENT_HANDSHAKE) {
			wg_handshaker_initiate(c->handshaker, 0, &w->where, &any, w->now,
					       WALL + w->now, &out);
			output(w, c, &out);
		}
		if (event.kinds & WG_EVENT_READY)
			for (size_t n = c->waiting->n; n > 0 && wire_take(c->waiting, &p); n--)
				encrypt(w, c, p.data, p.len);
		if (event.kinds & WG_EVENT_KEEPALIVE)
			encrypt(w, c, NULL, 0);
	}
}

/* Without the padding: as long as the packet itself says. */
static size_t inner_len(const uint8_t *packet)
{
	if (packet[0] >> 4 == 6)
		return 40u + (size_t)(packet[4] << 8 | packet[5]);
	return (size_t)(packet[2] << 8 | packet[3]);
}

static void receive(struct world *w, struct client *c, struct wire_packet *p)
{
	struct wg_output out;
	struct wg_rx rx = { p->data, (uint32_t)p->len, &w->where, &w->where.addr, PASS, 0 };
	struct wire_packet inner = { .len = 0 };

	if (wg_message_type(p->data, p->len) != WG_DATA) {
		wg_handshaker_receive(c->handshaker, p->data, p->len, &w->where, &w->where.addr,
				      false, w->now, &out);
		output(w, c, &out);
		return;
	}
	wg_tunnel_open(c->tunnel, &rx, 1, w->now);
	if (rx.verdict != PASS)
		return;
	c->tos_got = p->tos;
	if (rx.len < 20 || inner_len(rx.data) > rx.len)
		return;
	inner.len = inner_len(rx.data);
	memcpy(inner.data, rx.data, inner.len);
	wire_put(c->got, &inner);
}

static void timers(struct world *w, struct client *c)
{
	struct wg_output out;

	if (wg_tunnel_next_deadline(c->tunnel) <= w->now)
		wg_tunnel_on_deadline(c->tunnel, w->now);
	do {
		wg_handshaker_on_deadline(c->handshaker, w->now, WALL + w->now, &out);
		output(w, c, &out);
	} while (out.kind != WG_NOTHING);
	events(w, c);
}

void clients_timers(struct world *w)
{
	for (int i = 0; i < w->n_clients; i++)
		timers(w, &w->clients[i]);
}

void world_client_send(struct world *w, int client, const uint8_t *packet, size_t len)
{
	encrypt(w, &w->clients[client], packet, len);
	world_settle(w);
}

void world_client_burst(struct world *w, int client, const uint8_t *packet, size_t len,
			unsigned int n)
{
	while (n-- > 0)
		encrypt(w, &w->clients[client], packet, len);
	world_settle(w);
}

void world_false_hello(struct world *w, int client)
{
	struct wire_packet p = w->clients[client].last_hello;
	size_t covered = p.len - 2 * BLAKE2S_MAC_LEN;
	uint8_t key[BLAKE2S_HASH_LEN];

	p.data[8] ^= 1;
	blake2s_hash(key, "mac1----", 8, w->public_key, WG_KEY_LEN);
	blake2s_mac(p.data + covered, key, sizeof(key), p.data, covered);
	world_datagram(w, &p);
}

bool world_client_take(struct world *w, int client, struct wire_packet *ret)
{
	return wire_take(w->clients[client].got, ret);
}

static bool deliver_streams(struct world *w, struct client *c)
{
	struct wire_packet p;
	bool some = false;

	for (int lane = 0; lane < STREAMS_MAX; lane++) {
		while (c->streams[lane] && wire_answer(c->streams[lane], &p)) {
			some = true;
			c->came[lane] += wg_message_type(p.data, p.len) == WG_DATA;
			if (!c->asleep)
				receive(w, c, &p);
		}
	}
	return some;
}

bool clients_deliver(struct world *w)
{
	struct wire_packet p;
	bool some = false;

	while (wire_take(&wire_tunnel_out, &p)) {
		some = true;
		for (int i = 0; i < w->n_clients; i++)
			if (!w->clients[i].asleep && endpoint_equal(&w->clients[i].where, &p.to))
				receive(w, &w->clients[i], &p);
	}
	for (int i = 0; i < w->n_clients; i++)
		some |= deliver_streams(w, &w->clients[i]);
	return some;
}

uint64_t clients_next_deadline(const struct world *w)
{
	uint64_t next = NEVER;

	for (int i = 0; i < w->n_clients; i++) {
		next = earlier(next, wg_tunnel_next_deadline(w->clients[i].tunnel));
		next = earlier(next, wg_handshaker_next_deadline(w->clients[i].handshaker));
	}
	return next;
}
