/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/dns_proxy.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/wire.h"
#include "engine/dns_proxy_parts.h"
#include "io/random.h"

#define ASKS_SIZE    (256u * 1024) /* per worker: some 2,000 usual queries */
#define ANSWERS_SIZE (512u * 1024)
#define ORDERS_SIZE  16384u
#define EVENTS_MAX   64u
#define ASKS_BATCH   64u /* of one worker, before upstreams are looked at again */

/* Records of the rings are one of these and the message. */
struct envelope {
	struct dns_client client;
};

enum order_kind {
	ORDER_STOP,
	ORDER_LISTEN,
	ORDER_USE,
};

struct order {
	enum order_kind kind;
	int fd;                    /* ORDER_LISTEN */
	struct prefix from;        /* ORDER_LISTEN */
	struct dns_choice *choice; /* ORDER_USE; owned */
};

/* -------------------------------------------------- answers to whoever asked */

static void answer_worker(struct dns_proxy *p, const struct dns_asker *asker, const uint8_t *reply,
			  size_t len)
{
	struct ring *ring = p->answers[asker->origin];
	struct envelope *e = ring_reserve(ring, sizeof(*e) + len);

	if (!e) {
		counter_add(&p->overload, 1);
		return;
	}
	e->client = (struct dns_client){
		.peer = asker->peer,
		.src = asker->src,
		.dst = asker->dst,
		.port = asker->port,
		.size_max = (uint16_t)asker->tag,
	};
	memcpy(e + 1, reply, len);
	store_be16((uint8_t *)(e + 1), asker->id);
	if (ring_commit(ring, sizeof(*e) + len))
		waker_wake(p->worker_wakers[asker->origin]);
}

/* @reply goes to one asker under its own id, cut to what it takes. */
static void answer(struct dns_proxy *p, const struct dns_asker *asker, const uint8_t *reply,
		   size_t len)
{
	uint8_t cut[DNS_REPLY_OWN_MAX];

	if (asker->origin == DNS_ORIGIN_TCP) {
		dns_proxy_client_answer(p, asker, reply, len);
		return;
	}
	if (len > asker->limit) {
		len = dns_reply_truncate(reply, len, cut);
		reply = cut;
	}
	if (len > 0)
		answer_worker(p, asker, reply, len);
}

static void answer_own(struct dns_proxy *p, const struct dns_asker *asker,
		       const struct dns_query *query, const uint8_t *message, enum dns_rcode rcode)
{
	uint8_t reply[DNS_REPLY_OWN_MAX];
	size_t len = dns_reply_own(query, message, rcode, reply);

	answer(p, asker, reply, len);
}

/* The query is over: its sockets are closed and its place is free. */
static void end_query(struct dns_proxy *p, uint32_t query)
{
	for (uint32_t k = 0; k < DNS_ATTEMPTS; k++)
		dns_proxy_close_udp(p, query * DNS_ATTEMPTS + k);
	dns_relay_end(p->relay, query);
}

static void answer_all(struct dns_proxy *p, uint32_t query, const uint8_t *reply, size_t len)
{
	struct dns_asker asker;

	while (dns_relay_take_asker(p->relay, query, &asker))
		answer(p, &asker, reply, len);
	end_query(p, query);
}

static void answer_all_own(struct dns_proxy *p, uint32_t query, enum dns_rcode rcode)
{
	uint8_t reply[DNS_REPLY_OWN_MAX];
	size_t len = dns_reply_own(dns_relay_query(p->relay, query),
				   dns_relay_message(p->relay, query), rcode, reply);

	counter_add(&p->failed, 1);
	answer_all(p, query, reply, len);
}

void dns_proxy_accepted(struct dns_proxy *p, uint32_t query, const uint8_t *reply, size_t len,
			uint64_t now)
{
	const struct dns_query *q = dns_relay_query(p->relay, query);

	if (!p->choice.private_answers && dns_reply_points_inside(reply, len, &p->tunnel)) {
		answer_all_own(p, query, DNS_REFUSED);
		return;
	}
	if (p->cache)
		(void)dns_cache_store(p->cache, q, reply, len, now);
	answer_all(p, query, reply, len);
}

/* -------------------------------------------------------------- a query's walk */

void dns_proxy_advance(struct dns_proxy *p, uint32_t query, uint64_t now)
{
	enum dns_step step;
	struct dns_send send;

	while ((step = dns_relay_step(p->relay, query, now, &send)) == DNS_STEP_SEND)
		dns_proxy_send(p, &send, now);
	if (step == DNS_STEP_EXPIRED)
		answer_all_own(p, query, DNS_SERVFAIL);
}

static bool answer_from_cache(struct dns_proxy *p, const struct dns_query *query,
			      const uint8_t *message, const struct dns_asker *asker, uint64_t now)
{
	size_t len = p->cache ? dns_cache_find(p->cache, query, message, now, p->scratch) : 0;

	if (len == 0)
		return false;
	counter_add(&p->cached, 1);
	answer(p, asker, p->scratch, len);
	return true;
}

static void ask(struct dns_proxy *p, const struct dns_query *query, const uint8_t *message,
		size_t len, const struct dns_asker *asker, uint64_t now)
{
	uint32_t index;

	switch (dns_relay_ask(p->relay, query, message, len, asker, now, &index)) {
	case DNS_ASK_NEW:
		dns_proxy_advance(p, index, now);
		break;
	case DNS_ASK_JOINED:
		break;
	case DNS_ASK_FULL:
		counter_add(&p->overload, 1);
		answer_own(p, asker, query, message, DNS_SERVFAIL);
		break;
	}
}

bool dns_proxy_query(struct dns_proxy *p, const uint8_t *message, size_t len,
		     struct dns_asker asker, uint64_t now)
{
	struct dns_query query;
	enum dns_query_verdict verdict = dns_query_parse(message, len, &query);

	counter_add(&p->queries, 1);
	if (verdict == DNS_QUERY_SILENT)
		return false;
	asker.id = load_be16(message);
	switch (verdict) {
	case DNS_QUERY_SILENT:
		break;
	case DNS_QUERY_FORMERR:
		answer_own(p, &asker, NULL, message, DNS_FORMERR);
		break;
	case DNS_QUERY_NOTIMP:
		answer_own(p, &asker, NULL, message, DNS_NOTIMP);
		break;
	case DNS_QUERY_OK:
		if (asker.origin != DNS_ORIGIN_TCP)
			asker.limit = (uint16_t)dns_query_udp_limit(&query, asker.limit);
		dns_proxy_check_host(p, now);
		if (!answer_from_cache(p, &query, message, &asker, now))
			ask(p, &query, message, len, &asker, now);
		break;
	}
	return true;
}

/* ------------------------------------------------------------------ the thread */

/* Return: whether there may be more. */
static bool take_asks(struct dns_proxy *p, uint32_t worker, uint64_t now)
{
	for (uint32_t i = 0; i < ASKS_BATCH; i++) {
		size_t len;
		const struct envelope *e = ring_peek(p->asks[worker], &len);

		if (!e)
			return false;
		(void)dns_proxy_query(p, (const uint8_t *)(e + 1), len - sizeof(*e),
				      (struct dns_asker){
					      .origin = worker,
					      .peer = e->client.peer,
					      .src = e->client.src,
					      .dst = e->client.dst,
					      .port = e->client.port,
					      .limit = e->client.size_max,
					      .tag = e->client.size_max,
				      },
				      now);
		ring_release(p->asks[worker]);
	}
	return true;
}

static void take_orders(struct dns_proxy *p, uint64_t now)
{
	const struct order *order;
	size_t len;

	while ((order = ring_peek(p->orders, &len))) {
		switch (order->kind) {
		case ORDER_STOP:
			p->stopping = true;
			break;
		case ORDER_LISTEN:
			dns_proxy_listener_add(p, order->fd, &order->from);
			break;
		case ORDER_USE:
			dns_proxy_use(p, order->choice, now);
			free(order->choice);
			break;
		}
		ring_release(p->orders);
	}
}

/* Somebody has written to a ring; each is emptied by batches, so that none starves. */
static void on_wake(struct dns_proxy *p, uint64_t now)
{
	bool more = false;

	waker_clear(p->waker);
	take_orders(p, now);
	for (uint32_t w = 0; w < p->workers; w++)
		more |= take_asks(p, w, now);
	if (more)
		waker_wake(p->waker);
}

static void on_event(struct dns_proxy *p, uint64_t what, uint64_t now)
{
	uint32_t index = (uint32_t)what;

	switch ((enum dns_event)(what >> 32)) {
	case DNS_EVENT_WAKER:
		on_wake(p, now);
		break;
	case DNS_EVENT_UDP:
		dns_proxy_udp_ready(p, index, now);
		break;
	case DNS_EVENT_UPSTREAM:
		dns_proxy_link_ready(p, index, now);
		break;
	case DNS_EVENT_LISTENER:
		dns_proxy_listener_ready(p, index, now);
		break;
	case DNS_EVENT_CLIENT:
		dns_proxy_client_ready(p, index, now);
		break;
	}
}

static void on_deadline(struct dns_proxy *p, uint64_t now)
{
	uint32_t query;

	while ((query = dns_relay_due(p->relay, now)) != UINT32_MAX)
		dns_proxy_advance(p, query, now);
	dns_proxy_links_on_deadline(p, now);
	dns_proxy_clients_on_deadline(p, now);
}

static void publish(struct dns_proxy *p)
{
	const struct dns_upstreams *ups = dns_relay_upstreams(p->relay);

	counter_set(&p->entries, p->cache ? dns_cache_entries(p->cache) : 0);
	for (uint8_t i = 0; i < ups->n; i++) {
		counter_set(&p->upstream_counters[i].alive, ups->at[i].alive);
		counter_set(&p->upstream_counters[i].rtt, ups->at[i].rtt);
		counter_set(&p->upstream_counters[i].queries, ups->at[i].queries);
		counter_set(&p->upstream_counters[i].failures, ups->at[i].failures);
	}
}

static uint64_t next_deadline(const struct dns_proxy *p)
{
	uint64_t links = dns_proxy_links_deadline(p);
	uint64_t clients = dns_proxy_clients_deadline(p);

	return earlier(dns_relay_next_deadline(p->relay), earlier(links, clients));
}

static void *thread_main(void *arg)
{
	struct loop_event events[EVENTS_MAX];
	struct dns_proxy *p = arg;
	sigset_t all;

	/* Signals are the main thread's; OpenSSL writes without MSG_NOSIGNAL. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	while (!p->stopping) {
		size_t n = loop_wait(p->loop, next_deadline(p), events, EVENTS_MAX);
		uint64_t now = loop_now();

		for (size_t i = 0; i < n; i++)
			on_event(p, events[i].what, now);
		on_deadline(p, now);
		publish(p);
	}
	return NULL;
}

/* ------------------------------------------------------- the main thread's end */

static void order(struct dns_proxy *p, const struct order *order)
{
	struct order *place;

	/* Orders are rare and small: a full ring means that the thread is about to read it. */
	while (!(place = ring_reserve(p->orders, sizeof(*place))))
		sched_yield();
	*place = *order;
	(void)ring_commit(p->orders, sizeof(*place));
	waker_wake(p->waker);
}

static int make_tables(struct dns_proxy *p)
{
	const struct dns_relay_params params = {
		.queries = DNS_QUERIES_MAX,
		.askers = DNS_ASKERS_MAX,
		.per_client = DNS_PER_CLIENT_MAX,
	};
	const uint32_t attempts = DNS_QUERIES_MAX * DNS_ATTEMPTS;
	int r;

	p->udp = malloc(attempts * sizeof(*p->udp));
	if (!p->udp)
		return -ENOMEM;
	memset(p->udp, 0xff, attempts * sizeof(*p->udp)); /* -1 each */
	r = dns_relay_new(&params, &p->rng, &p->relay);
	if (r < 0)
		return r;
	return deadlines_new(DNS_CLIENTS_MAX, &p->client_deadlines);
}

static int make_rings(struct dns_proxy *p)
{
	int r = ring_new(ORDERS_SIZE, &p->orders);

	p->asks = calloc(p->workers, sizeof(struct ring *));
	p->answers = calloc(p->workers, sizeof(struct ring *));
	if (r < 0 || !p->asks || !p->answers)
		return -ENOMEM;
	for (unsigned int w = 0; w < p->workers; w++) {
		if (ring_new(ASKS_SIZE, &p->asks[w]) < 0 ||
		    ring_new(ANSWERS_SIZE, &p->answers[w]) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int make_loop(struct dns_proxy *p)
{
	int r = loop_new(&p->loop);

	if (r < 0)
		return r;
	p->waker = waker_new();
	if (p->waker < 0)
		return p->waker;
	return loop_add(p->loop, p->waker, LOOP_READ, DNS_EVENT(DNS_EVENT_WAKER, 0));
}

static int make_copies(struct dns_proxy *p, const struct dns_proxy_params *params)
{
	p->workers = params->workers;
	p->gateway = params->gateway;
	p->tunnel = params->tunnel;
	prefix_mask(&p->tunnel);
	p->worker_wakers = calloc(p->workers, sizeof(int));
	p->resolv_conf = strdup(params->resolv_conf);
	if (!p->worker_wakers || !p->resolv_conf)
		return -ENOMEM;
	memcpy(p->worker_wakers, params->worker_wakers, p->workers * sizeof(int));
	return 0;
}

static struct dns_proxy *proxy_free(struct dns_proxy *p)
{
	dns_proxy_links_close(p);
	dns_proxy_clients_close(p);
	for (uint32_t i = 0; p->udp && i < DNS_QUERIES_MAX * DNS_ATTEMPTS; i++)
		dns_proxy_close_udp(p, i);
	for (unsigned int w = 0; w < p->workers; w++) {
		if (p->asks)
			ring_free(p->asks[w]);
		if (p->answers)
			ring_free(p->answers[w]);
	}
	free(p->asks);
	free(p->answers);
	ring_free(p->orders);
	dns_relay_free(p->relay);
	dns_cache_free(p->cache);
	deadlines_free(p->client_deadlines);
	dns_choice_done(&p->choice);
	if (p->waker >= 0)
		dns_socket_close(p->waker);
	loop_free(p->loop);
	pthread_mutex_destroy(&p->lock);
	free(p->udp);
	free(p->worker_wakers);
	free(p->resolv_conf);
	free(p);
	return NULL;
}

int dns_proxy_new(const struct dns_proxy_params *params, struct dns_proxy **ret, char *complaint)
{
	struct dns_proxy *p = calloc(1, sizeof(*p));
	struct dns_choice choice;
	int r;

	if (!p) {
		snprintf(complaint, 256, "DNS: no memory for the proxy");
		return -ENOMEM;
	}
	p->waker = -1;
	p->rng = rng_system();
	p->listeners_resume_at = NEVER;
	pthread_mutex_init(&p->lock, NULL);
	r = dns_choice_make(params->config, params->gateway, &choice, complaint);
	if (r < 0) {
		proxy_free(p);
		return r;
	}
	r = make_copies(p, params);
	if (r == 0)
		r = make_rings(p);
	if (r == 0)
		r = make_tables(p);
	if (r == 0)
		r = make_loop(p);
	if (r < 0) {
		dns_choice_done(&choice);
		goto err;
	}
	dns_proxy_use(p, &choice, loop_now());
	r = -pthread_create(&p->thread, NULL, thread_main, p);
	if (r < 0)
		goto err;
	*ret = p;
	return 0;
err:
	snprintf(complaint, 256, "DNS: the proxy does not start: %s", strerror(-r));
	proxy_free(p);
	return r;
}

struct dns_proxy *dns_proxy_free(struct dns_proxy *p)
{
	if (!p)
		return NULL;
	order(p, &(struct order){ .kind = ORDER_STOP });
	pthread_join(p->thread, NULL);
	take_orders(p, loop_now()); /* what came behind the stop is owned here all the same */
	return proxy_free(p);
}

int dns_proxy_reload(struct dns_proxy *p, const struct config *config, char *complaint)
{
	struct dns_choice *choice = calloc(1, sizeof(*choice));
	int r;

	if (!choice) {
		snprintf(complaint, 256, "DNS: no memory for the new upstreams");
		return -ENOMEM;
	}
	r = dns_choice_make(config, p->gateway, choice, complaint);
	if (r < 0) {
		free(choice);
		return r;
	}
	order(p, &(struct order){ .kind = ORDER_USE, .choice = choice });
	return 0;
}

int dns_proxy_listen(struct dns_proxy *p, uint32_t address, const struct prefix *from)
{
	uint16_t port;
	int fd;

	if (p->n_listens == DNS_LISTENERS_MAX)
		return -ENOSPC;
	fd = dns_listen_open(address, &port);
	if (fd < 0)
		return fd;
	p->n_listens++;
	order(p, &(struct order){ .kind = ORDER_LISTEN, .fd = fd, .from = *from });
	return port;
}

void dns_proxy_status(struct dns_proxy *p, struct status *status, struct status_upstream *upstreams)
{
	status->dns = true;
	status->dns_queries = counter_get(&p->queries);
	status->dns_cached = counter_get(&p->cached);
	status->dns_failed = counter_get(&p->failed) + counter_get(&p->overload);
	status->dns_cache_entries = (uint32_t)counter_get(&p->entries);
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->n_names; i++) {
		const struct dns_upstream_counters *c = &p->upstream_counters[i];

		memcpy(upstreams[i].text, p->names[i], sizeof(upstreams[i].text));
		upstreams[i].alive = counter_get(&c->alive) != 0;
		upstreams[i].rtt = counter_get(&c->rtt);
		upstreams[i].queries = counter_get(&c->queries);
		upstreams[i].failures = counter_get(&c->failures);
	}
	status->upstreams = upstreams;
	status->n_upstreams = p->n_names;
	pthread_mutex_unlock(&p->lock);
}

/* ------------------------------------------------------------- a worker's end */

bool dns_proxy_ask(struct dns_proxy *p, unsigned int worker, const struct dns_client *client,
		   const uint8_t *query, size_t len)
{
	struct envelope *e = ring_reserve(p->asks[worker], sizeof(*e) + len);

	if (!e)
		return false;
	e->client = *client;
	memcpy(e + 1, query, len);
	if (ring_commit(p->asks[worker], sizeof(*e) + len))
		waker_wake(p->waker);
	return true;
}

const uint8_t *dns_proxy_answer(struct dns_proxy *p, unsigned int worker, struct dns_client *client,
				size_t *len)
{
	const struct envelope *e = ring_peek(p->answers[worker], len);

	if (!e)
		return NULL;
	*client = e->client;
	*len -= sizeof(*e);
	return (const uint8_t *)(e + 1);
}

void dns_proxy_answer_done(struct dns_proxy *p, unsigned int worker)
{
	ring_release(p->answers[worker]);
}
