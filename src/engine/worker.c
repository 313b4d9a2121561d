/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker.c - one round of a worker: sources, messages, timers
 *
 * The order of a round: datagrams of the tunnel, trains of the external interface, the
 * adapter, messages of other threads, DNS answers, timers; then whatever the tunnel asks for;
 * then the outbox is sent.  Every source gives at most one batch a round, so none starves
 * another.
 */
#include "engine/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAT_REAP_BUDGET   64u
#define LEASE_LOW_WATER   96u /* free ports below which another block is asked for */
#define POST_BUDGET       256u
#define STAGED_PACKET_MAX 1600u
#define LEASE_ASK_AGAIN   (5 * NS_PER_S) /* main had no ports to give */
#define ACKNOWLEDGE_AGAIN (10 * NS_PER_MS)

enum {
	WHAT_UDP = WORKER_UDP,
	WHAT_EXTERNAL = WORKER_EXTERNAL,
	WHAT_TUN = WORKER_TUN,
	WHAT_POST = WORKER_POST,
	WHAT_LOOPBACK = WORKER_LOOPBACK,
};

/* Every shard's query identifiers are its own by number: nothing of the host need be asked. */
static void lease_icmp_ids(struct worker *w)
{
	for (unsigned int block = 0; block < 1024; block++) {
		uint16_t first = (uint16_t)(block * NAT_BLOCK_PORTS);

		if (external_worker(first, w->workers) == w->number)
			nat_lease_add(w->nat, NAT_ICMP, first);
	}
}

static bool owns(const struct worker *w, uint32_t peer)
{
	return peer_worker(peer, w->workers) == w->number;
}

static void add_peer(struct worker *w, const struct table_peer *peer, uint32_t number)
{
	static const struct addr any;

	wg_tunnel_peer_add(w->tunnel, number, peer->keepalive, w->now);
	if (peer->has_endpoint)
		wg_tunnel_set_endpoint(w->tunnel, number, &peer->endpoint, &any);
}

static void remove_peer(struct worker *w, uint32_t number)
{
	outbox_purge(w->outbox, number, DROP_ROUTE_NO_PEER);
	peer_mtu_forget(w->mtu, number);
	path_forget_streams(w, number);
	wg_tunnel_peer_remove(w->tunnel, number);
	nat_client_remove(w->nat, number);
	counter_set(&w->client_mappings[number], 0);
}

/* Both lists have much the same order: each search begins where the last one ended. */
static bool keeps_addresses(const struct table_peer *old, const struct table_peer *new)
{
	size_t at = 0;

	for (size_t i = 0; i < old->n_allowed; i++) {
		size_t tried = 0;

		while (tried < new->n_allowed &&
		       (new->allowed[at].len != old->allowed[i].len ||
			!addr_equal(&new->allowed[at].addr, &old->allowed[i].addr))) {
			at = (at + 1) % new->n_allowed;
			tried++;
		}
		if (tried == new->n_allowed)
			return false;
	}
	return true;
}

/* What a new table changes for one of our peers, and nothing else. */
static void apply_peer(struct worker *w, const struct table_peer *old, const struct table_peer *new,
		       uint32_t number)
{
	static const struct addr any;
	bool same = old && old->used && new->used && old->incarnation == new->incarnation;

	if (!same) {
		if (old && old->used)
			remove_peer(w, number);
		if (new->used)
			add_peer(w, new, number);
		return;
	}
	/* Else the answers to what it has opened would go to whoever has its address now. */
	if (!keeps_addresses(old, new))
		nat_client_remove(w->nat, number);
	if (old->keepalive != new->keepalive)
		wg_tunnel_peer_add(w->tunnel, number, new->keepalive, w->now);
	if (new->has_endpoint &&
	    (!old->has_endpoint || !endpoint_equal(&old->endpoint, &new->endpoint)))
		wg_tunnel_set_endpoint(w->tunnel, number, &new->endpoint, &any);
}

static void apply_table(struct worker *w, const struct table *table)
{
	const struct table *old = w->table;
	uint32_t n = old && old->n_slots > table->n_slots ? old->n_slots : table->n_slots;

	outbox_flush(w->outbox);
	w->table = table;
	for (uint32_t i = 0; i < n; i++) {
		if (owns(w, i))
			apply_peer(w, old ? &old->peers[i] : NULL, &table->peers[i], i);
	}
}

static void apply_uplink(struct worker *w, const struct uplink *uplink)
{
	bool moved = uplink->address != w->uplink.address || uplink->ifindex != w->uplink.ifindex;

	w->uplink = *uplink;
	external_set_uplink(w->external, uplink);
	if (!moved)
		return;
	/* Mappings of the old address are worth nothing; leases end with them. */
	nat_set_address(w->nat, 0);
	nat_set_address(w->nat, uplink->address);
	memset(w->leased, 0, sizeof(w->leased));
	memset(w->lease_ask_after, 0, sizeof(w->lease_ask_after));
	lease_icmp_ids(w);
}

/* The way to the internet has moved to another interface. */
static void take_external(struct worker *w, struct external *external)
{
	if (w->loop) {
		loop_remove(w->loop, external_fd(w->external));
		(void)loop_add(w->loop, external_fd(external), LOOP_READ, WHAT_EXTERNAL);
	}
	external_free(w->external);
	w->external = external;
}

static void mark_leased(struct worker *w, const struct post_lease *lease, bool leased)
{
	uint16_t block = lease->first / NAT_BLOCK_PORTS;
	uint64_t bit = UINT64_C(1) << block % 64;

	if (leased)
		w->leased[lease->protocol][block / 64] |= bit;
	else
		w->leased[lease->protocol][block / 64] &= ~bit;
}

static void take_lease(struct worker *w, const struct post_lease *lease)
{
	mark_leased(w, lease, true);
	if (external_worker(lease->first, w->workers) != w->number)
		return;
	nat_lease_add(w->nat, lease->protocol, lease->first);
	w->lease_ask_after[lease->protocol] = 0;
}

static void return_idle_leases(struct worker *w)
{
	for (enum nat_protocol p = NAT_TCP; p <= NAT_UDP; p++) {
		int first = nat_lease_idle(w->nat, p, 4, w->now);
		struct post_lease body = { .address = w->uplink.address, .protocol = p };

		if (first < 0)
			continue;
		body.first = (uint16_t)first;
		mark_leased(w, &body, false);
		if (!post_send(w->post, w->number, post_main(w->workers), POST_LEASE_RETURNED,
			       &body, sizeof(body), NULL, 0))
			take_lease(w, &body); /* main is busy: keep it until the next time */
	}
}

static bool unpack_train(struct worker *w, const struct post_message *m, struct post_train *head,
			 struct train *t)
{
	enum verdict v;

	memcpy(head, m->body, sizeof(*head));
	v = train_parse(t, m->body + sizeof(*head), head->len, (enum csum_state)head->csum);
	if (v != PASS)
		path_drop(w, v, 1);
	t->gso_size = head->gso_size;
	return v == PASS;
}

static void receive_train(struct worker *w, const struct post_message *m)
{
	struct post_train head;
	struct train *t = &w->trains[0];

	if (!unpack_train(w, m, &head, t))
		return;
	if (m->kind == POST_TRAIN_TO_PEER)
		path_to_peer(w, head.peer, t, head.client);
	else if (m->kind == POST_TRAIN_FROM_OUTSIDE)
		path_from_outside(w, t);
	else
		path_host_deliver(w, t, head.client);
}

/* Main frees the old table by this, and hands out no other before: it must not get lost. */
static void acknowledge(struct worker *w)
{
	struct post_table body = { .table = w->unacknowledged };

	if (body.table && post_send(w->post, w->number, post_main(w->workers), POST_TABLE, &body,
				    sizeof(body), NULL, 0))
		w->unacknowledged = NULL;
}

static void receive(struct worker *w, const struct post_message *m)
{
	switch (m->kind) {
	case POST_DATAGRAM: {
		struct post_datagram d;

		memcpy(&d, m->body, sizeof(d));
		path_datagrams(w, &d, m->body + sizeof(d));
		break;
	}
	case POST_TRAIN_TO_PEER:
	case POST_TRAIN_FROM_OUTSIDE:
	case POST_TRAIN_TO_HOST:
		receive_train(w, m);
		break;
	case POST_SESSION:
		path_session(w, (struct post_session *)(void *)m->body);
		break;
	case POST_HANDSHAKE_FAILED:
		outbox_purge(w->outbox, ((struct post_peer *)(void *)m->body)->peer,
			     DROP_WG_NO_SESSION);
		break;
	case POST_ENDPOINT: {
		const struct post_peer *p = (const void *)m->body;

		wg_tunnel_set_endpoint(w->tunnel, p->peer, &p->to, &p->from);
		break;
	}
	case POST_TABLE:
		apply_table(w, ((const struct post_table *)(const void *)m->body)->table);
		w->unacknowledged = w->table; /* told at the end of the round */
		break;
	case POST_EXTERNAL:
		take_external(w, ((const struct post_external *)(const void *)m->body)->external);
		break;
	case POST_UPLINK:
		apply_uplink(w, &((const struct post_uplink *)(const void *)m->body)->uplink);
		break;
	case POST_LEASE:
		take_lease(w, (const struct post_lease *)(const void *)m->body);
		break;
	case POST_LEASE_RETURNED:
		mark_leased(w, (const struct post_lease *)(const void *)m->body, false);
		break;
	case POST_TRIM:
		return_idle_leases(w);
		break;
	case POST_STREAM_CLOSED:
		bundle_closed(w->bundles,
			      ((const struct post_stream *)(const void *)m->body)->stream);
		break;
	case POST_STOP:
		w->stopped = true;
		break;
	case POST_INITIATE:
	case POST_STREAM_SEND:
	case POST_STREAM_USED:
	case POST_LEASE_WANTED:
		break; /* not for workers */
	}
}

static unsigned int post_poll(struct worker *w)
{
	struct post_message m;

	for (unsigned int i = 0; i < POST_BUDGET; i++) {
		if (!post_receive(w->post, w->number, &m))
			return 0;
		receive(w, &m);
	}
	return WORKER_POST;
}

/* Asks main for another block before the last one is used up; publishes the gauges. */
static void watch_leases(struct worker *w)
{
	for (enum nat_protocol p = NAT_TCP; p < N_NAT_PROTOCOLS; p++) {
		struct nat_counts counts = nat_counts(w->nat, p);
		struct post_lease body = { .protocol = p };

		counter_set(&w->gauges[p].mappings, counts.mappings);
		counter_set(&w->gauges[p].leased, counts.ports_leased);
		counter_set(&w->gauges[p].free, counts.ports_free);
		if (p == NAT_ICMP || counts.ports_free >= LEASE_LOW_WATER ||
		    w->now < w->lease_ask_after[p])
			continue;
		if (post_send(w->post, w->number, post_main(w->workers), POST_LEASE_WANTED, &body,
			      sizeof(body), NULL, 0))
			w->lease_ask_after[p] = w->now + LEASE_ASK_AGAIN;
	}
}

/* At most once a second: so all clients can be counted anew. */
static void reap_mappings(struct worker *w)
{
	nat_on_deadline(w->nat, w->now, NAT_REAP_BUDGET);
	for (uint32_t i = 0; i < w->table->n_slots; i++)
		if (owns(w, i))
			counter_set(&w->client_mappings[i], nat_client_mappings(w->nat, i));
}

unsigned int worker_poll(struct worker *w, unsigned int ready, uint64_t now)
{
	unsigned int more = 0;

	w->now = now;
	outbox_set_time(w->outbox, now);
	if (ready & WORKER_UDP)
		more |= path_tunnel_poll(w);
	if (ready & WORKER_EXTERNAL)
		more |= path_external_poll(w);
	if (ready & WORKER_TUN && w->tun)
		more |= path_tun_poll(w);
	if (ready & WORKER_LOOPBACK && w->loopback)
		more |= path_loopback_poll(w);
	if (ready & WORKER_POST) {
		more |= post_poll(w);
		path_dns_answers(w);
	}
	if (wg_tunnel_next_deadline(w->tunnel) <= now)
		wg_tunnel_on_deadline(w->tunnel, now);
	if (nat_next_deadline(w->nat) <= now)
		reap_mappings(w);
	if (w->loopback && loopback_next_deadline(w->loopback) <= now)
		loopback_on_deadline(w->loopback, now);
	path_tunnel_events(w);
	outbox_flush(w->outbox);
	path_tunnel_events(w); /* the flush may have asked for a handshake */
	watch_leases(w);
	acknowledge(w);
	return more;
}

uint64_t worker_next_deadline(const struct worker *w)
{
	uint64_t next = earlier(wg_tunnel_next_deadline(w->tunnel), nat_next_deadline(w->nat));

	if (w->unacknowledged)
		next = earlier(next, w->now + ACKNOWLEDGE_AGAIN);
	return w->loopback ? earlier(next, loopback_next_deadline(w->loopback)) : next;
}

bool worker_stopped(const struct worker *w)
{
	return w->stopped;
}

int worker_new(const struct worker_params *params, struct worker **ret)
{
	struct worker *w = calloc(1, sizeof(*w));
	uint32_t packet_max =
		params->table->mtu > STAGED_PACKET_MAX ? params->table->mtu : STAGED_PACKET_MAX;
	uint32_t inside = params->table->mtu < OUTBOX_PLAIN ? params->table->mtu : OUTBOX_PLAIN;
	int r;

	if (!w)
		return -ENOMEM;
	w->number = params->number;
	w->workers = params->workers;
	w->post = params->post;
	w->udp = params->udp;
	w->stream_port = params->stream_port;
	w->external = params->external;
	w->tun = params->tun;
	w->has_adapter = params->has_adapter;
	w->loopback = params->loopback;
	w->dns = params->dns;
	w->rng = params->rng;
	w->uplink = *params->uplink;
	r = wg_tunnel_new(params->table->peers_max, w->rng, &w->tunnel);
	if (r >= 0)
		r = nat_new(params->nat, w->rng, &w->nat);
	if (r >= 0)
		r = peer_mtu_new(params->table->peers_max, inside, &w->mtu);
	if (r >= 0)
		r = bundles_new(params->table->peers_max, &w->bundles);
	if (r >= 0)
		r = staging_new(params->table->peers_max, packet_max, &w->staging);
	if (r >= 0)
		r = outbox_new(
			&(struct outbox_params){
				.tunnel = w->tunnel,
				.mtu = w->mtu,
				.staging = w->staging,
				.counters = &w->counters,
				.send = { path_send, w },
			},
			&w->outbox);
	if (r < 0) {
		worker_free(w);
		return r;
	}
	w->client_mappings = calloc(params->table->peers_max, sizeof(*w->client_mappings));
	if (!w->client_mappings) {
		worker_free(w);
		return -ENOMEM;
	}
	lease_icmp_ids(w);
	apply_table(w, params->table);
	*ret = w;
	return 0;
}

struct worker *worker_free(struct worker *w)
{
	if (!w)
		return NULL;
	free(w->client_mappings);
	outbox_free(w->outbox);
	staging_free(w->staging);
	bundles_free(w->bundles);
	peer_mtu_free(w->mtu);
	nat_free(w->nat);
	wg_tunnel_free(w->tunnel);
	free(w);
	return NULL;
}

static int register_all(struct worker *w, struct loop *loop)
{
	int r = loop_add(loop, udp_fd(w->udp), LOOP_READ, WHAT_UDP);

	if (r >= 0)
		r = loop_add(loop, external_fd(w->external), LOOP_READ, WHAT_EXTERNAL);
	if (r >= 0 && w->tun)
		r = loop_add(loop, tun_fd(w->tun), LOOP_READ, WHAT_TUN);
	if (r >= 0 && w->loopback)
		r = loop_add(loop, loopback_fd(w->loopback), LOOP_READ, WHAT_LOOPBACK);
	if (r >= 0)
		r = loop_add(loop, post_fd(w->post, w->number), LOOP_READ, WHAT_POST);
	return r;
}

int worker_run(struct worker *w)
{
	struct loop_event events[8];
	unsigned int more = WORKER_ALL;
	struct loop *loop;
	int r = loop_new(&loop);

	if (r < 0)
		return r;
	w->loop = loop;
	r = register_all(w, loop);
	while (r >= 0 && !w->stopped) {
		size_t n = loop_wait(loop, more ? 0 : worker_next_deadline(w), events, 8);
		unsigned int ready = more;

		for (size_t i = 0; i < n; i++)
			ready |= (unsigned int)events[i].what;
		more = worker_poll(w, ready, loop_now());
	}
	loop_free(loop);
	return r;
}

const struct path_counters *worker_counters(const struct worker *w)
{
	return &w->counters;
}

const struct nat_gauges *worker_nat(const struct worker *w, enum nat_protocol protocol)
{
	return &w->gauges[protocol];
}

uint64_t worker_client_mappings(const struct worker *w, uint32_t peer)
{
	return counter_get(&w->client_mappings[peer]);
}

const struct wg_peer_stats *worker_peer_stats(const struct worker *w, uint32_t peer)
{
	return wg_tunnel_stats(w->tunnel, peer);
}
