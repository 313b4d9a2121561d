/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * relay.c - queries in flight: who waits, which upstreams were asked, what is next
 *
 * Flat and bounded: a table of queries, DNS_ATTEMPTS attempts for each, and a pool of
 * askers in lists.  A query's deadline is the next time at which something is to be done
 * for it without an answer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/deadlines.h"
#include "base/wire.h"
#include "crypto/siphash.h"
#include "dns/dns.h"
#include "dns/record.h"

#define NONE          UINT32_MAX
#define CLIENTS       1024u /* counters of waiting askers, by hash of their address */
#define STRANGERS_MAX 16u   /* wrong replies to one attempt before it moves to TCP */
#define ROUNDS_MAX    2u    /* times that each upstream may fail at once before SERVFAIL */

struct attempt {
	uint64_t sent;  /* ns */
	uint32_t chain; /* next stream attempt in its bucket */
	uint16_t id;
	uint8_t upstream; /* DNS_NO_UPSTREAM: of a former set */
	uint8_t strangers;
	bool live;
	bool stream;
	bool missed; /* its silence has been held against the upstream already */
};

struct query {
	struct dns_query parsed;
	uint16_t len; /* 0: unused */
	bool granted; /* one failure of a used stream was forgiven */
	bool probed;
	uint8_t retry_stream; /* upstream whose answer must be fetched by stream */
	uint8_t next_attempt;
	uint32_t tried; /* bits */
	uint32_t sends;
	uint32_t chain; /* next in its bucket; next free one while unused */
	uint32_t askers;
	uint64_t hash;
	uint64_t next_send; /* ns */
	uint64_t expires;   /* ns */
	uint8_t message[DNS_QUERY_MAX];
};

struct waiting {
	struct dns_asker asker;
	uint32_t next;
};

struct dns_relay {
	struct dns_relay_params params;
	struct rng *rng;
	uint8_t secret[SIPHASH_KEY_LEN];
	struct dns_upstreams ups;
	uint32_t n_buckets, in_flight;
	struct query *queries;
	struct attempt *attempts;
	struct waiting *askers;
	uint32_t *query_buckets;
	uint32_t *stream_buckets;
	uint32_t free_query;  /* used before */
	uint32_t fresh_query; /* from here on never used: not resident yet */
	uint32_t free_asker;
	struct deadlines *deadlines;
	uint32_t per_client[CLIENTS];
	uint8_t out[DNS_QUERY_MAX]; /* the last message handed out by dns_relay_step() */
};

static void tables_clear(struct dns_relay *r)
{
	memset(r->query_buckets, 0xff, r->n_buckets * sizeof(*r->query_buckets));
	memset(r->stream_buckets, 0xff, r->n_buckets * sizeof(*r->stream_buckets));
	r->free_query = NONE;
	for (uint32_t i = 0; i < r->params.askers; i++)
		r->askers[i].next = i + 1 < r->params.askers ? i + 1 : NONE;
}

int dns_relay_new(const struct dns_relay_params *params, struct rng *rng, struct dns_relay **ret)
{
	struct dns_relay *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->params = *params;
	r->rng = rng;
	r->n_buckets = 16;
	while (r->n_buckets < params->queries)
		r->n_buckets *= 2;
	r->queries = calloc(params->queries, sizeof(*r->queries));
	r->attempts = calloc((size_t)params->queries * DNS_ATTEMPTS, sizeof(*r->attempts));
	r->askers = calloc(params->askers, sizeof(*r->askers));
	r->query_buckets = calloc(r->n_buckets, sizeof(*r->query_buckets));
	r->stream_buckets = calloc(r->n_buckets, sizeof(*r->stream_buckets));
	if (!r->queries || !r->attempts || !r->askers || !r->query_buckets || !r->stream_buckets ||
	    deadlines_new(params->queries, &r->deadlines) < 0) {
		dns_relay_free(r);
		return -ENOMEM;
	}
	tables_clear(r);
	rng_fill(rng, r->secret, sizeof(r->secret));
	*ret = r;
	return 0;
}

struct dns_relay *dns_relay_free(struct dns_relay *relay)
{
	if (relay) {
		free(relay->queries);
		free(relay->attempts);
		free(relay->askers);
		free(relay->query_buckets);
		free(relay->stream_buckets);
		deadlines_free(relay->deadlines);
	}
	free(relay);
	return NULL;
}

static uint32_t *stream_bucket(const struct dns_relay *r, uint8_t upstream, uint16_t id)
{
	/* Ids are random, so they need no hash; the upstream only spreads equal ones. */
	return &r->stream_buckets[(id ^ upstream * 0x9e37u) & (r->n_buckets - 1)];
}

static struct query *query_of(struct dns_relay *r, uint32_t attempt)
{
	return &r->queries[attempt / DNS_ATTEMPTS];
}

static void attempt_end(struct dns_relay *r, uint32_t i)
{
	struct attempt *a = &r->attempts[i];
	uint32_t *link;

	if (a->live && a->stream) {
		link = stream_bucket(r, a->upstream, a->id);
		while (*link != i)
			link = &r->attempts[*link].chain;
		*link = a->chain;
	}
	a->live = false;
}

static uint32_t attempts_live(const struct dns_relay *r, uint32_t query)
{
	const struct attempt *a = &r->attempts[query * DNS_ATTEMPTS];
	uint32_t n = 0;

	for (uint32_t k = 0; k < DNS_ATTEMPTS; k++)
		n += a[k].live;
	return n;
}

/* --------------------------------------------------------------- askers */

static uint32_t *client_count(struct dns_relay *r, uint32_t src)
{
	return &r->per_client[siphash(r->secret, &src, sizeof(src)) % CLIENTS];
}

static bool asker_add(struct dns_relay *r, struct query *q, const struct dns_asker *asker)
{
	uint32_t *count = client_count(r, asker->src);
	uint32_t i = r->free_asker;

	if (i == NONE || *count >= r->params.per_client)
		return false;
	(*count)++;
	r->free_asker = r->askers[i].next;
	r->askers[i] = (struct waiting){ *asker, q->askers };
	q->askers = i;
	return true;
}

bool dns_relay_take_asker(struct dns_relay *r, uint32_t query, struct dns_asker *ret)
{
	struct query *q = &r->queries[query];
	uint32_t i = q->askers;

	if (i == NONE)
		return false;
	*ret = r->askers[i].asker;
	(*client_count(r, ret->src))--;
	q->askers = r->askers[i].next;
	r->askers[i].next = r->free_asker;
	r->free_asker = i;
	return true;
}

/* -------------------------------------------------------------- queries */

static uint64_t message_hash(const struct dns_relay *r, const uint8_t *message, size_t len)
{
	return siphash(r->secret, message + 2, len - 2);
}

static uint32_t *query_bucket(const struct dns_relay *r, uint64_t hash)
{
	return &r->query_buckets[hash & (r->n_buckets - 1)];
}

static uint32_t find_same(const struct dns_relay *r, uint64_t hash, const uint8_t *message,
			  size_t len)
{
	uint32_t i = *query_bucket(r, hash);

	for (; i != NONE; i = r->queries[i].chain) {
		const struct query *q = &r->queries[i];

		if (q->hash == hash && q->len == len &&
		    memcmp(q->message + 2, message + 2, len - 2) == 0)
			break;
	}
	return i;
}

static uint32_t query_take(struct dns_relay *r)
{
	uint32_t i = r->free_query;

	if (i != NONE)
		r->free_query = r->queries[i].chain;
	else if (r->fresh_query < r->params.queries)
		i = r->fresh_query++;
	else
		return NONE;
	r->in_flight++;
	return i;
}

static void query_give(struct dns_relay *r, uint32_t i)
{
	r->queries[i].len = 0;
	r->queries[i].chain = r->free_query;
	r->free_query = i;
	r->in_flight--;
}

enum dns_ask dns_relay_ask(struct dns_relay *r, const struct dns_query *query,
			   const uint8_t *message, size_t len, const struct dns_asker *asker,
			   uint64_t now, uint32_t *ret)
{
	uint64_t hash = message_hash(r, message, len);
	uint32_t i = find_same(r, hash, message, len);
	struct query *q;

	if (i != NONE) {
		*ret = i;
		return asker_add(r, &r->queries[i], asker) ? DNS_ASK_JOINED : DNS_ASK_FULL;
	}
	i = query_take(r);
	if (i == NONE)
		return DNS_ASK_FULL;
	q = &r->queries[i];
	q->askers = NONE;
	if (!asker_add(r, q, asker)) {
		query_give(r, i);
		return DNS_ASK_FULL;
	}
	q->parsed = *query;
	q->len = (uint16_t)len;
	q->granted = q->probed = false;
	q->retry_stream = DNS_NO_UPSTREAM;
	q->next_attempt = 0;
	q->tried = q->sends = 0;
	q->hash = hash;
	q->next_send = now;
	q->expires = now + DNS_GIVE_UP;
	memcpy(q->message, message, len);
	q->chain = *query_bucket(r, hash);
	*query_bucket(r, hash) = i;
	*ret = i;
	return DNS_ASK_NEW;
}

void dns_relay_end(struct dns_relay *r, uint32_t query)
{
	struct query *q = &r->queries[query];
	uint32_t *link = query_bucket(r, q->hash);
	struct dns_asker asker;

	while (dns_relay_take_asker(r, query, &asker))
		continue;
	for (uint32_t k = 0; k < DNS_ATTEMPTS; k++)
		attempt_end(r, query * DNS_ATTEMPTS + k);
	while (*link != query)
		link = &r->queries[*link].chain;
	*link = q->chain;
	query_give(r, query);
	deadlines_set(r->deadlines, query, NEVER);
}

/* ------------------------------------------------------------- attempts */

uint32_t dns_relay_find(const struct dns_relay *r, uint8_t upstream, uint16_t id)
{
	uint32_t i = *stream_bucket(r, upstream, id);

	while (i != NONE && (r->attempts[i].upstream != upstream || r->attempts[i].id != id))
		i = r->attempts[i].chain;
	return i == NONE ? DNS_NO_ATTEMPT : i;
}

/* What upstreams get: the client's message, our id, and a UDP size that needs no fragments. */
static void write_message(struct dns_relay *r, const struct query *q, const struct attempt *a)
{
	memcpy(r->out, q->message, q->len);
	store_be16(r->out, a->id);
	if (q->parsed.edns_at != 0 && q->parsed.edns_size > DNS_UDP_FORWARD && !a->stream)
		store_be16(r->out + q->parsed.edns_at + 3, DNS_UDP_FORWARD);
}

static enum dns_step attempt_start(struct dns_relay *r, uint32_t query, uint8_t upstream,
				   bool stream, uint64_t now, struct dns_send *send)
{
	struct query *q = &r->queries[query];
	uint32_t i = query * DNS_ATTEMPTS + q->next_attempt;
	struct attempt *a = &r->attempts[i];

	q->next_attempt = (uint8_t)((q->next_attempt + 1) % DNS_ATTEMPTS);
	attempt_end(r, i);
	*a = (struct attempt){ .sent = now, .upstream = upstream, .live = true, .stream = stream };
	do
		a->id = (uint16_t)rng_u32(r->rng);
	while (stream && dns_relay_find(r, upstream, a->id) != DNS_NO_ATTEMPT);
	if (stream) {
		a->chain = *stream_bucket(r, upstream, a->id);
		*stream_bucket(r, upstream, a->id) = i;
	}
	r->ups.at[upstream].queries++;
	write_message(r, q, a);
	*send = (struct dns_send){
		.attempt = i,
		.upstream = upstream,
		.stream = stream,
		.message = r->out,
		.len = q->len,
	};
	return DNS_STEP_SEND;
}

/* Time has passed without an answer: each upstream that was asked for it is told once. */
static void note_missed(struct dns_relay *r, uint32_t query, uint64_t now)
{
	struct attempt *a = &r->attempts[query * DNS_ATTEMPTS];

	for (uint32_t k = 0; k < DNS_ATTEMPTS; k++) {
		if (!a[k].live || a[k].missed || a[k].upstream == DNS_NO_UPSTREAM ||
		    now - a[k].sent < DNS_HEDGE_AFTER)
			continue;
		a[k].missed = true;
		dns_upstream_missed(&r->ups, a[k].upstream, now);
	}
}

/* Chooses whom to ask next; DNS_NO_UPSTREAM when there is nobody. */
static uint8_t next_upstream(struct dns_relay *r, struct query *q, uint64_t now)
{
	uint8_t u = dns_upstreams_choose(&r->ups, q->tried);

	if (u == DNS_NO_UPSTREAM) {
		q->tried = 0;
		u = dns_upstreams_choose(&r->ups, 0);
	}
	if (u == DNS_NO_UPSTREAM)
		return u;
	q->tried |= 1u << u;
	q->sends++;
	q->next_send = now + (dns_upstreams_choose(&r->ups, q->tried) != DNS_NO_UPSTREAM
				      ? DNS_HEDGE_AFTER
				      : DNS_REPEAT_AFTER);
	return u;
}

enum dns_step dns_relay_step(struct dns_relay *r, uint32_t query, uint64_t now,
			     struct dns_send *send)
{
	struct query *q = &r->queries[query];
	uint8_t u = q->retry_stream;

	note_missed(r, query, now);
	if (now >= q->expires)
		return DNS_STEP_EXPIRED;
	if (u != DNS_NO_UPSTREAM) {
		q->retry_stream = DNS_NO_UPSTREAM;
		return attempt_start(r, query, u, true, now, send);
	}
	if (now >= q->next_send) {
		if (q->sends >= ROUNDS_MAX * r->ups.n && attempts_live(r, query) == 0)
			return DNS_STEP_EXPIRED;
		u = next_upstream(r, q, now);
		if (u == DNS_NO_UPSTREAM)
			return DNS_STEP_EXPIRED;
		return attempt_start(r, query, u, r->ups.at[u].stream_only, now, send);
	}
	if (!q->probed) {
		q->probed = true;
		u = dns_upstreams_probe(&r->ups, q->tried, now);
		if (u != DNS_NO_UPSTREAM)
			return attempt_start(r, query, u, r->ups.at[u].stream_only, now, send);
	}
	deadlines_set(r->deadlines, query, earlier(q->next_send, q->expires));
	return DNS_STEP_WAIT;
}

/* A wrong reply by UDP may be one of many guesses; too many of them end the guessing. */
static enum dns_reply_verdict stranger(struct dns_relay *r, uint32_t attempt)
{
	struct attempt *a = &r->attempts[attempt];

	if (a->stream || ++a->strangers < STRANGERS_MAX || a->upstream == DNS_NO_UPSTREAM)
		return DNS_REPLY_IGNORED;
	attempt_end(r, attempt);
	query_of(r, attempt)->retry_stream = a->upstream;
	return DNS_REPLY_AGAIN;
}

static bool worth_asking_another(const struct dns_relay *r, const struct query *q,
				 const uint8_t *reply)
{
	enum dns_rcode rcode = dns_reply_rcode(reply);

	return (rcode == DNS_SERVFAIL || rcode == DNS_REFUSED) &&
	       dns_upstreams_choose(&r->ups, q->tried) != DNS_NO_UPSTREAM;
}

enum dns_reply_verdict dns_relay_reply(struct dns_relay *r, uint32_t attempt, const uint8_t *reply,
				       size_t len, uint64_t now)
{
	struct attempt *a = &r->attempts[attempt];
	struct query *q = query_of(r, attempt);

	if (!a->live)
		return DNS_REPLY_IGNORED;
	if (!dns_reply_matches(&q->parsed, q->message, a->id, reply, len))
		return stranger(r, attempt);
	if (a->upstream != DNS_NO_UPSTREAM)
		dns_upstream_answered(&r->ups, a->upstream, now - a->sent);
	if (dns_reply_truncated(reply) && !a->stream) {
		attempt_end(r, attempt);
		q->retry_stream = a->upstream;
		if (a->upstream == DNS_NO_UPSTREAM)
			q->next_send = now;
		return DNS_REPLY_AGAIN;
	}
	if (worth_asking_another(r, q, reply)) {
		attempt_end(r, attempt);
		q->next_send = now;
		return DNS_REPLY_AGAIN;
	}
	return DNS_REPLY_ACCEPTED;
}

void dns_relay_attempt_failed(struct dns_relay *r, uint32_t attempt, bool blame, uint64_t now)
{
	struct attempt *a = &r->attempts[attempt];
	struct query *q = query_of(r, attempt);

	if (!a->live)
		return;
	if (blame && a->upstream != DNS_NO_UPSTREAM && !a->missed)
		dns_upstream_missed(&r->ups, a->upstream, now);
	attempt_end(r, attempt);
	/* The first round goes on at once, the second keeps its distance. */
	if (q->sends < r->ups.n)
		q->next_send = now;
	if (q->sends >= ROUNDS_MAX * r->ups.n && attempts_live(r, attempt / DNS_ATTEMPTS) == 0)
		q->next_send = now;
	deadlines_set(r->deadlines, attempt / DNS_ATTEMPTS, earlier(q->next_send, q->expires));
}

void dns_relay_stream_lost(struct dns_relay *r, uint8_t upstream, bool was_used, uint64_t now)
{
	for (uint32_t i = 0; i < r->params.queries * DNS_ATTEMPTS; i++) {
		struct attempt *a = &r->attempts[i];
		struct query *q = query_of(r, i);

		if (!a->live || !a->stream || a->upstream != upstream)
			continue;
		if (!was_used || q->granted) {
			dns_relay_attempt_failed(r, i, true, now);
			continue;
		}
		attempt_end(r, i);
		q->granted = true;
		q->retry_stream = upstream;
		deadlines_set(r->deadlines, i / DNS_ATTEMPTS, now);
	}
}

/* ------------------------------------------------------- the rest of it */

void dns_relay_set_upstreams(struct dns_relay *r, const struct dns_upstreams *ups, uint64_t now)
{
	for (uint32_t i = 0; i < r->params.queries * DNS_ATTEMPTS; i++) {
		struct attempt *a = &r->attempts[i];

		if (!a->live)
			continue;
		if (a->stream)
			attempt_end(r, i);
		a->upstream = DNS_NO_UPSTREAM;
	}
	r->ups = *ups;
	for (uint32_t i = 0; i < r->params.queries; i++) {
		struct query *q = &r->queries[i];

		if (q->len == 0)
			continue;
		q->tried = q->sends = 0;
		q->retry_stream = DNS_NO_UPSTREAM;
		q->next_send = now;
		deadlines_set(r->deadlines, i, now);
	}
}

const struct dns_upstreams *dns_relay_upstreams(const struct dns_relay *relay)
{
	return &relay->ups;
}

const uint8_t *dns_relay_message(const struct dns_relay *relay, uint32_t query)
{
	return relay->queries[query].message;
}

const struct dns_query *dns_relay_query(const struct dns_relay *relay, uint32_t query)
{
	return &relay->queries[query].parsed;
}

uint64_t dns_relay_next_deadline(const struct dns_relay *relay)
{
	return deadlines_next(relay->deadlines);
}

uint32_t dns_relay_due(struct dns_relay *relay, uint64_t now)
{
	return deadlines_pop(relay->deadlines, now);
}

uint32_t dns_relay_in_flight(const struct dns_relay *relay)
{
	return relay->in_flight;
}
