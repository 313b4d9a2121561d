/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/client_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX 8 /* that wait to be told; what finds no room is seen by the next look */
#define SAMPLE     NS_PER_S
#define BUSY       125 /* bytes per second: what is less would show as 0 kbit/s */

struct view_peer {
	uint8_t public_key[32];
	struct device_peer_status now; /* as the last look saw it */
	struct endpoint told;          /* where it was said to be */
	uint64_t handshake;            /* the last one when it was said not to answer */
	bool up;
	bool was_up;
	bool complained;
	/* bytes at the last sample, and what follows from two of them */
	uint64_t rx;
	uint64_t tx;
	struct view_rate rate;
};

struct view {
	const struct config *config;
	char label[64];
	struct view_peer *peers;
	size_t n_peers;
	uint64_t sampled; /* ns */
	uint64_t deadline;
	char trouble[VIEW_SENTENCE_MAX];
	struct view_event events[EVENTS_MAX];
	size_t n_events;
	size_t next_event;
};

struct view *view_new(const struct config *config, const char *label)
{
	struct view *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->config = config;
	v->deadline = NEVER;
	snprintf(v->label, sizeof(v->label), "%s", label);
	return v;
}

struct view *view_free(struct view *v)
{
	if (v)
		free(v->peers);
	free(v);
	return NULL;
}

/* ---- words ---------------------------------------------------------------- */

static const struct config_peer *in_file(const struct view *v, const uint8_t key[static 32])
{
	for (size_t i = 0; v->config && i < v->config->n_peers; i++) {
		if (memcmp(v->config->peers[i].public_key, key, 32) == 0)
			return &v->config->peers[i];
	}
	return NULL;
}

/* The connection's name is enough where it has one peer. */
static void name_of(const struct view *v, const struct view_peer *p, char out[static 160])
{
	const struct config_peer *peer = in_file(v, p->public_key);
	char label[CONFIG_NAME_MAX];
	char key[CONFIG_KEY_TEXT_MAX];

	if (v->n_peers == 1) {
		snprintf(out, 160, "%s", v->label);
		return;
	}
	config_key_format(p->public_key, key);
	snprintf(out, 160, "%s: peer %s", v->label, peer ? config_peer_label(peer, label) : key);
}

static const char *transport(const struct endpoint *e)
{
	return e->stream ? "TCP" : "UDP";
}

/* "203.0.113.1 by UDP port 51820", and the stream if there is one */
static void tried(const struct view *v, const struct view_peer *p,
		  char out[static VIEW_SENTENCE_MAX])
{
	const struct config_peer *peer = in_file(v, p->public_key);
	const struct endpoint *udp = &p->now.udp;
	char addr[ADDR_TEXT_MAX];
	int n;

	if (udp->addr.family == ADDR_NONE && peer && peer->endpoint_host[0])
		n = snprintf(out, VIEW_SENTENCE_MAX, "%s, whose address is not known",
			     peer->endpoint_host);
	else if (udp->addr.family == ADDR_NONE)
		n = snprintf(out, VIEW_SENTENCE_MAX, "a peer without an endpoint");
	else
		n = snprintf(out, VIEW_SENTENCE_MAX, "%s by UDP port %u",
			     addr_format(&udp->addr, addr), udp->port);
	if (!peer || peer->stream_host[0] == '\0' || n >= VIEW_SENTENCE_MAX)
		return;
	snprintf(out + n, VIEW_SENTENCE_MAX - (size_t)n, ", or from %s by TCP port %u%s%s%s",
		 peer->stream_host, peer->stream_port, p->now.stream_error[0] ? " (" : "",
		 p->now.stream_error, p->now.stream_error[0] ? ")" : "");
}

static struct view_event *event_new(struct view *v, bool bad)
{
	struct view_event *e;

	if (v->n_events == EVENTS_MAX)
		return NULL;
	e = &v->events[v->n_events++];
	e->bad = bad;
	return e;
}

/* ---- what a look shows ---------------------------------------------------- */

/* It answers: for the first time, again, or at another place.  Return: false: to be told later. */
static bool look_at_up(struct view *v, struct view_peer *p)
{
	const struct endpoint *at = &p->now.endpoint;
	bool other_transport = (at->stream != 0) != (p->told.stream != 0);
	bool other_place = !addr_equal(&at->addr, &p->told.addr) || at->port != p->told.port;
	char name[160];
	char text[ENDPOINT_TEXT_MAX];
	char udp[ADDR_TEXT_MAX];
	struct view_event *e;

	p->complained = false;
	if (p->up && !other_transport && !other_place)
		return true;
	e = event_new(v, false);
	if (!e)
		return false;
	name_of(v, p, name);
	endpoint_format(at, text);
	if (at->stream && (other_transport || !p->up) && p->now.udp.addr.family != ADDR_NONE)
		snprintf(e->text, sizeof(e->text),
			 "%s: UDP port %u of %s is not answered: connected by TCP to %s", name,
			 p->now.udp.port, addr_format(&p->now.udp.addr, udp), text);
	else if (!p->up)
		snprintf(e->text, sizeof(e->text), "%s: connected%s to %s by %s", name,
			 p->was_up ? " again" : "", text, transport(at));
	else if (other_transport)
		snprintf(e->text, sizeof(e->text), "%s: back to %s, %s", name, transport(at), text);
	else
		snprintf(e->text, sizeof(e->text), "%s: the peer is at %s now", name, text);
	p->told = *at;
	p->up = true;
	p->was_up = true;
	return true;
}

static void look_at_silent(struct view *v, struct view_peer *p, uint64_t now)
{
	uint64_t patience_ends = p->now.unanswered_since + VIEW_PATIENCE;
	char name[160];
	char where[VIEW_SENTENCE_MAX];
	struct view_event *e;

	if (p->complained)
		return;
	v->deadline = earlier(v->deadline, patience_ends);
	if (now < patience_ends)
		return;
	e = event_new(v, true);
	if (!e)
		return;
	name_of(v, p, name);
	tried(v, p, where);
	/* The compiler can't know how short all of it is. */
	if (snprintf(e->text, sizeof(e->text), "%s: %sno answer from %s: %s", name,
		     p->up ? "lost, " : "", where,
		     p->up ? "tried again until there is one"
			   : "see that it is up, that the port is open and that it knows this "
			     "key") < 0)
		e->text[0] = '\0';
	memcpy(v->trouble, e->text, sizeof(v->trouble));
	p->complained = true;
	p->handshake = p->now.last_handshake;
	p->up = false;
}

static void look_at(struct view *v, struct view_peer *p, uint64_t now)
{
	bool answers = p->now.last_handshake != 0 && p->now.unanswered_since == 0 &&
		       (!p->complained || p->now.last_handshake != p->handshake);

	if (answers && look_at_up(v, p))
		v->trouble[0] = '\0';
	else if (!answers && p->now.unanswered_since != 0)
		look_at_silent(v, p, now);
}

static void sample(struct view *v, uint64_t now)
{
	uint64_t elapsed_us = (now - v->sampled) / NS_PER_US;

	if (v->sampled != 0 && now - v->sampled < SAMPLE)
		return;
	for (size_t i = 0; i < v->n_peers; i++) {
		struct view_peer *p = &v->peers[i];
		uint64_t rx = p->now.rx_bytes;
		uint64_t tx = p->now.tx_bytes;

		/* A peer that was removed and added counts from zero again. */
		p->rate.rx = v->sampled && rx > p->rx ? (rx - p->rx) * 1000000 / elapsed_us : 0;
		p->rate.tx = v->sampled && tx > p->tx ? (tx - p->tx) * 1000000 / elapsed_us : 0;
		p->rx = rx;
		p->tx = tx;
	}
	v->sampled = now;
}

/* Mostly they are the same, in the same order.  Return: false without memory: the old ones stay. */
static bool match(struct view *v, const struct device_peer_status *peers, size_t n)
{
	struct view_peer *matched = calloc(n ? n : 1, sizeof(*matched));

	if (!matched)
		return false;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < v->n_peers; k++) {
			const struct view_peer *old = &v->peers[(i + k) % v->n_peers];

			if (memcmp(old->public_key, peers[i].public_key, 32) == 0) {
				matched[i] = *old;
				break;
			}
		}
		memcpy(matched[i].public_key, peers[i].public_key, 32);
	}
	free(v->peers);
	v->peers = matched;
	v->n_peers = n;
	return true;
}

static bool same_peers(const struct view *v, const struct device_peer_status *peers, size_t n)
{
	if (n != v->n_peers)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (memcmp(v->peers[i].public_key, peers[i].public_key, 32) != 0)
			return false;
	}
	return true;
}

void view_look(struct view *v, const struct device_peer_status *peers, size_t n, uint64_t now)
{
	if (!same_peers(v, peers, n) && !match(v, peers, n))
		return;
	v->deadline = NEVER;
	for (size_t i = 0; i < n; i++)
		v->peers[i].now = peers[i];
	sample(v, now);
	for (size_t i = 0; i < n; i++)
		look_at(v, &v->peers[i], now);
}

bool view_event(struct view *v, struct view_event *ret)
{
	if (v->next_event == v->n_events) {
		v->next_event = 0;
		v->n_events = 0;
		return false;
	}
	*ret = v->events[v->next_event++];
	return true;
}

uint64_t view_next_deadline(const struct view *v)
{
	return v->deadline;
}

/* ---- answers -------------------------------------------------------------- */

static size_t n_up(const struct view *v)
{
	size_t n = 0;

	for (size_t i = 0; i < v->n_peers; i++)
		n += v->peers[i].up;
	return n;
}

bool view_up(const struct view *v)
{
	return n_up(v) > 0;
}

uint64_t view_unanswered(const struct view *v)
{
	uint64_t since = NEVER;

	for (size_t i = 0; i < v->n_peers; i++) {
		if (v->peers[i].now.unanswered_since != 0)
			since = earlier(since, v->peers[i].now.unanswered_since);
	}
	return since;
}

const char *view_trouble(const struct view *v)
{
	return v->trouble;
}

void view_tried(const struct view *v, char out[static VIEW_SENTENCE_MAX])
{
	if (v->n_peers == 0)
		snprintf(out, VIEW_SENTENCE_MAX, "no peer at all");
	else
		tried(v, &v->peers[0], out);
}

struct view_rate view_rate(const struct view *v, const uint8_t public_key[static 32])
{
	for (size_t i = 0; i < v->n_peers; i++) {
		if (memcmp(v->peers[i].public_key, public_key, 32) == 0)
			return v->peers[i].rate;
	}
	return (struct view_rate){ 0 };
}

static struct view_rate total_rate(const struct view *v)
{
	struct view_rate sum = { 0 };

	for (size_t i = 0; i < v->n_peers; i++) {
		sum.rx += v->peers[i].rate.rx;
		sum.tx += v->peers[i].rate.tx;
	}
	return sum;
}

#define RATE_TEXT_MAX 32

static const char *rate_text(uint64_t bytes_per_second, char out[static RATE_TEXT_MAX])
{
	uint64_t kbit = bytes_per_second * 8 / 1000;

	if (kbit < 100)
		snprintf(out, RATE_TEXT_MAX, "%" PRIu64 " kbit/s", kbit);
	else
		snprintf(out, RATE_TEXT_MAX, "%" PRIu64 ".%" PRIu64 " Mbit/s", kbit / 1000,
			 kbit % 1000 / 100);
	return out;
}

static void line_of_one(const struct view *v, const struct view_peer *p,
			char out[static VIEW_LINE_MAX])
{
	char text[ENDPOINT_TEXT_MAX];
	const struct endpoint *at = &p->now.endpoint;
	const struct config_peer *peer = in_file(v, p->public_key);

	if (p->up)
		snprintf(out, VIEW_LINE_MAX, "%s: up by %s %s", v->label, transport(at),
			 endpoint_format(at, text));
	else if (at->addr.family != ADDR_NONE)
		snprintf(out, VIEW_LINE_MAX, "%s: connecting to %s by %s ...", v->label,
			 endpoint_format(at, text), transport(at));
	else
		snprintf(out, VIEW_LINE_MAX, "%s: looking for %.100s ...", v->label,
			 peer && peer->endpoint_host[0] ? peer->endpoint_host : "a peer");
}

/* What a narrow terminal cuts off is the least: the handshake's age comes last. */
static void add_rates(const struct view *v, struct view_rate rate, uint64_t now,
		      char out[static VIEW_LINE_MAX])
{
	char down[RATE_TEXT_MAX], up[RATE_TEXT_MAX];
	size_t len = strlen(out);

	snprintf(out + len, VIEW_LINE_MAX - len, ", down %s, up %s", rate_text(rate.rx, down),
		 rate_text(rate.tx, up));
	if (v->n_peers != 1)
		return;
	len = strlen(out);
	snprintf(out + len, VIEW_LINE_MAX - len, ", handshake %" PRIu64 " s ago",
		 (now - earlier(v->peers[0].now.last_handshake, now)) / NS_PER_S);
}

/* An age that nobody updates would be wrong soon: without traffic it is left out. */
bool view_line(const struct view *v, uint64_t now, char out[static VIEW_LINE_MAX])
{
	struct view_rate rate = total_rate(v);
	bool busy = rate.rx >= BUSY || rate.tx >= BUSY;
	size_t len;

	if (v->n_peers == 1)
		line_of_one(v, &v->peers[0], out);
	else
		snprintf(out, VIEW_LINE_MAX, "%s: %zu of %zu peers up", v->label, n_up(v),
			 v->n_peers);
	if (!view_up(v))
		return false;
	if (busy) {
		add_rates(v, rate, now, out);
		return true;
	}
	len = strlen(out);
	snprintf(out + len, VIEW_LINE_MAX - len, ", idle");
	return false;
}
