/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/wire.h"
#include "wireguard/message.h"
#include "wireguard/tunnel.h"

/* Neighbouring messages of one session: looked up once, decrypted in one call. */
struct run {
	struct wg_rx *rx;
	size_t n;
	uint32_t index;
	uint32_t id; /* session_id() */
	struct tunnel_peer *peer;
	struct session *session;
};

/* What a run's genuine messages add up to. */
struct result {
	uint64_t bytes;
	bool any;
	bool data;
};

static bool is_data(const struct wg_rx *rx)
{
	return wg_message_type(rx->data, rx->len) == WG_DATA;
}

/* Takes the neighbours of rx[0], which is a data message, up to one AEAD call's worth. */
static struct run take_run(const struct wg_tunnel *t, struct wg_rx *rx, size_t n)
{
	struct run run = { .rx = rx, .n = 1, .index = wg_receiver_index(rx->data) };

	while (run.n < n && run.n < TUNNEL_CHUNK && is_data(&rx[run.n]) &&
	       wg_receiver_index(rx[run.n].data) == run.index)
		run.n++;
	run.id = index_table_get(t->indices, run.index);
	if (run.id != INDEX_NONE) {
		run.peer = &t->peers[run.id / SESSIONS];
		run.session = &run.peer->sessions.place[run.id % SESSIONS];
	}
	return run;
}

/* What can be said of a message before any computation. */
static enum verdict precheck(const struct run *run, uint64_t counter, uint64_t now)
{
	if (!run->session)
		return DROP_WG_INDEX;
	if (session_expired(run->session, now) || counter >= REJECT_AFTER_MESSAGES)
		return DROP_WG_EXPIRED;
	return replay_fresh(&run->session->replay, counter) ? PASS : DROP_WG_REPLAY;
}

/*
 * A client opens several connections at once and uses all of them: to be heard by another one of the
 * same address is no roaming, which would be told with every message.
 */
static bool is_same_place(const struct endpoint *a, const struct endpoint *b)
{
	return a->stream != 0 && b->stream != 0 && addr_equal(&a->addr, &b->addr);
}

/* Roaming: the latest genuine message says where the peer is. */
static void follow(struct wg_tunnel *t, const struct run *run, const struct wg_rx *rx)
{
	struct tunnel_peer *p = run->peer;
	bool same = is_same_place(&p->endpoint, rx->from);

	if (endpoint_equal(&p->endpoint, rx->from) && addr_equal(&p->from, rx->to))
		return;
	p->endpoint = *rx->from;
	p->from = *rx->to;
	if (!same)
		tunnel_raise(t, run->id / SESSIONS, WG_EVENT_ENDPOINT);
}

/* A message that has authenticated, with its plain text in place. */
static enum verdict accept(struct wg_tunnel *t, const struct run *run, struct wg_rx *rx,
			   const struct aead_op *op, struct result *result)
{
	/* Again, since the same counter may stand twice in one batch. */
	if (!replay_accept(&run->session->replay, op->counter))
		return DROP_WG_REPLAY;
	follow(t, run, rx);
	result->any = true;
	result->data |= op->len > 0;
	result->bytes += rx->len;
	rx->data = op->data;
	rx->len = op->len;
	return PASS;
}

/* The paper, 6.2: an initiator that only receives renews while there is still time. */
static bool wants_rekey(struct sessions *sessions, uint64_t now)
{
	const struct session *s = sessions_get(sessions, sessions->current);

	return s && s->initiator &&
	       now >= s->birth + REJECT_AFTER_TIME - KEEPALIVE_TIMEOUT - REKEY_TIMEOUT;
}

/* What a run changes once, however many messages it has. */
static void conclude(struct wg_tunnel *t, const struct run *run, const struct result *result,
		     uint64_t now)
{
	uint32_t peer = run->id / SESSIONS;
	struct tunnel_peer *p = run->peer;

	if (run->id % SESSIONS == p->sessions.next) {
		sessions_confirm(&p->sessions, t->indices, peer);
		counter_set(&p->stats.last_handshake, now);
		tunnel_raise(t, peer, WG_EVENT_READY);
	}
	counter_add(&p->stats.rx_bytes, result->bytes);
	counter_set(&p->stats.last_received, now);
	timers_received(&p->timers, result->data, now);
	tunnel_rearm(t, peer);
	if (wants_rekey(&p->sessions, now))
		tunnel_ask(t, peer, now);
}

static void open_run(struct wg_tunnel *t, const struct run *run, uint64_t now)
{
	struct aead_op ops[TUNNEL_CHUNK];
	struct wg_rx *of[TUNNEL_CHUNK];
	struct result result = { .any = false };
	size_t k = 0;

	for (size_t i = 0; i < run->n; i++) {
		struct wg_rx *rx = &run->rx[i];
		uint64_t counter = load_le64(rx->data + DATA_COUNTER_AT);

		rx->peer = run->session ? run->id / SESSIONS : WG_NO_PEER;
		rx->verdict = precheck(run, counter, now);
		if (rx->verdict != PASS)
			continue;
		of[k] = rx;
		ops[k++] = (struct aead_op){ .data = rx->data + WG_DATA_HEADER_LEN,
					     .len = rx->len - WG_DATA_OVERHEAD,
					     .counter = counter };
	}
	if (k == 0)
		return;
	aead_open(run->session->receive, ops, k);
	for (size_t i = 0; i < k; i++)
		of[i]->verdict =
			ops[i].ok ? accept(t, run, of[i], &ops[i], &result) : DROP_WG_DECRYPT;
	if (result.any)
		conclude(t, run, &result, now);
}

void wg_tunnel_open(struct wg_tunnel *t, struct wg_rx *rx, size_t n, uint64_t now)
{
	for (size_t i = 0; i < n;) {
		struct run run;

		if (!is_data(&rx[i])) {
			rx[i].verdict = DROP_WG_MALFORMED;
			rx[i].peer = WG_NO_PEER;
			i++;
			continue;
		}
		run = take_run(t, &rx[i], n - i);
		open_run(t, &run, now);
		i += run.n;
	}
}
