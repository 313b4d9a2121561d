/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns.h - the pure half of the DNS proxy: messages, cache, upstreams, relay table
 *
 * A transparent forwarder needs to understand little: the header, the one question, where
 * the OPT record is, and how long an answer may be kept.  Everything else is passed on as
 * it came.  Messages are borrowed byte arrays in wire order; times are ns of
 * CLOCK_MONOTONIC; nothing here allocates after start or touches a socket.
 * DESIGN.md beside this file draws a query's life.
 *
 * Source: RFC 1035 section 4, RFC 2181, RFC 2308, RFC 5452, RFC 6891, RFC 7766.
 */
#ifndef CULVERT_DNS_DNS_H
#define CULVERT_DNS_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/rng.h"

#define DNS_HEADER_LEN    12
#define DNS_MESSAGE_MAX   65535
#define DNS_QUERY_MAX     1232 /* longest query that is forwarded; longer ones get FORMERR */
#define DNS_UDP_MIN       512  /* what every client takes by UDP, RFC 1035 section 4.2.1 */
#define DNS_UDP_FORWARD   1232 /* largest UDP answer that upstreams are asked for: no fragments */
#define DNS_REPLY_OWN_MAX 288  /* longest answer that the proxy makes by itself */
#define DNS_UPSTREAMS_MAX 8

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
};

/* What the proxy has to know of a query; its name stays at message + DNS_HEADER_LEN. */
struct dns_query {
	uint16_t id;
	uint16_t type;
	uint16_t class;
	uint16_t question_end; /* offset behind the question */
	uint16_t edns_at;      /* offset of the OPT record; 0: the query has none */
	uint16_t edns_size;    /* UDP payload that the sender takes, as it says */
	bool recursion;        /* RD */
	bool authentic;        /* AD: the client wants to see it, RFC 6840 section 5.7 */
	bool checking_off;     /* CD */
	bool dnssec;           /* DO */
	bool plain;            /* no option that could change the answer: the cache may serve it */
};

enum dns_query_verdict {
	DNS_QUERY_OK,
	DNS_QUERY_SILENT,  /* not a query at all: an answer to it could loop */
	DNS_QUERY_FORMERR, /* *ret holds the id only */
	DNS_QUERY_NOTIMP,  /* another opcode, or a zone transfer */
};

/**
 * dns_query_parse() - checks a query: one question, well formed to the last byte
 * @message: hostile
 * @ret: written on DNS_QUERY_OK only
 */
enum dns_query_verdict dns_query_parse(const uint8_t *message, size_t len, struct dns_query *ret);

/** dns_query_udp_limit() - longest answer by UDP for @query over a path that takes @size_max */
size_t dns_query_udp_limit(const struct dns_query *query, size_t size_max);

/**
 * dns_reply_own() - an answer without records that the proxy gives by itself
 * @query: NULL when it did not parse: then the header alone is answered
 * @message: the client's query, at least DNS_HEADER_LEN bytes
 *
 * Return: the length of @out.
 */
size_t dns_reply_own(const struct dns_query *query, const uint8_t *message, enum dns_rcode rcode,
		     uint8_t out[static DNS_REPLY_OWN_MAX]);

/**
 * dns_reply_matches() - whether @reply is a well-formed answer to this very query
 * @message: the query as it was sent but for its id
 * @id: the id that was sent
 *
 * Id, QR, opcode and question (name without regard to case) must agree, and all records
 * must be whole unless TC is set.
 * Source: RFC 5452 section 9.1.
 */
bool dns_reply_matches(const struct dns_query *query, const uint8_t *message, uint16_t id,
		       const uint8_t *reply, size_t len);

bool dns_reply_truncated(const uint8_t *reply);
enum dns_rcode dns_reply_rcode(const uint8_t *reply);

/**
 * dns_reply_truncate() - what a client by UDP gets instead of a long answer
 *
 * The header with TC set, the question, and the OPT record without its options if there is
 * one.  A reply that does not parse yields 0.
 * Source: RFC 2181 section 9; RFC 6891 section 7.
 * Return: the length of @out.
 */
size_t dns_reply_truncate(const uint8_t *reply, size_t len, uint8_t out[static DNS_REPLY_OWN_MAX]);

/**
 * dns_reply_points_inside() - whether an address in the answer lies in @tunnel, 127/8 or ::1
 *
 * IPv4-mapped IPv6 addresses and the address hints of SVCB and HTTPS records count too.
 * The name "localhost" and those below it may point to loopback, RFC 6761 section 6.3.
 * Such an answer would let any web site reach services of the client or of the gateway
 * (DNS rebinding).
 */
bool dns_reply_points_inside(const uint8_t *reply, size_t len, const struct prefix *tunnel);

/* ------------------------------------------------------------------ cache */

struct dns_cache;

/**
 * dns_cache_new() - at most @entries answers and 512 * @entries bytes of them
 * @rng: for the secret of the hash; borrowed during the call
 * Return: 0, or -ENOMEM.
 */
int dns_cache_new(uint32_t entries, struct rng *rng, struct dns_cache **ret);
struct dns_cache *dns_cache_free(struct dns_cache *cache);

/**
 * dns_cache_store() - keeps @reply, which answers @query, as long as its TTLs allow
 *
 * Only NOERROR and NXDOMAIN; negative answers for the SOA minimum (RFC 2308 section 5),
 * not at all without an SOA.  Truncated ones never, nor types 249-255.
 * Return: whether it was stored.
 */
bool dns_cache_store(struct dns_cache *cache, const struct dns_query *query, const uint8_t *reply,
		     size_t len, uint64_t now);

/**
 * dns_cache_find() - the answer for @query with its id, its spelling of the name, and TTLs
 *                    lowered by the time that has passed
 * Return: the length of @out, 0 when there is none.
 */
size_t dns_cache_find(struct dns_cache *cache, const struct dns_query *query,
		      const uint8_t *message, uint64_t now, uint8_t out[static DNS_MESSAGE_MAX]);

uint32_t dns_cache_entries(const struct dns_cache *cache);

/* -------------------------------------------------------------- upstreams */

#define DNS_NO_UPSTREAM UINT8_MAX

/* What is known of one upstream: bookkeeping only, the engine knows its address. */
struct dns_upstream {
	bool stream_only;  /* TCP or TLS */
	bool alive;        /* false: asked last, and beside others to see whether it is back */
	uint32_t missed;   /* attempts without an answer, in a row */
	uint64_t probe_at; /* when a dead one is next asked beside the others */
	uint64_t rtt;      /* ns, smoothed; 0 before the first answer */
	uint64_t queries;
	uint64_t failures;
};

struct dns_upstreams {
	struct dns_upstream at[DNS_UPSTREAMS_MAX]; /* in order of preference */
	uint8_t n;
};

/** dns_upstreams_choose() - the first living one not in @tried (bits), else the first dead one;
 *  DNS_NO_UPSTREAM when all were tried */
uint8_t dns_upstreams_choose(const struct dns_upstreams *ups, uint32_t tried);

/** dns_upstreams_probe() - a dead one not in @tried whose turn has come, or DNS_NO_UPSTREAM */
uint8_t dns_upstreams_probe(struct dns_upstreams *ups, uint32_t tried, uint64_t now);

/* Facts about the upstream @i. */
void dns_upstream_answered(struct dns_upstreams *ups, uint8_t i, uint64_t rtt);
void dns_upstream_missed(struct dns_upstreams *ups, uint8_t i, uint64_t now);

/* ------------------------------------------------------------------ relay */

#define DNS_ATTEMPTS   4 /* of one query at a time; the oldest gives way */
#define DNS_NO_ATTEMPT UINT32_MAX

/* Times of a query, ns. */
#define DNS_HEDGE_AFTER  (UINT64_C(300) * 1000 * 1000)  /* then the next upstream is asked too */
#define DNS_REPEAT_AFTER (UINT64_C(1000) * 1000 * 1000) /* then the same one once more */
#define DNS_GIVE_UP      (UINT64_C(5) * 1000 * 1000 * 1000) /* then the client gets SERVFAIL */

struct dns_relay;

struct dns_relay_params {
	uint32_t queries;    /* in flight; more are refused */
	uint32_t askers;     /* waiting, all queries together */
	uint32_t per_client; /* waiting, of one client address */
};

/* Who waits for an answer.  `id`, `limit` and `src` are used here, the rest is the caller's. */
struct dns_asker {
	uint16_t id; /* of its query */
	uint16_t port;
	uint16_t limit; /* longest answer, bytes */
	uint32_t src;   /* whose quota it is */
	uint32_t dst;
	uint32_t peer;
	uint32_t origin; /* worker or connection */
	uint64_t tag;    /* anything */
};

enum dns_ask {
	DNS_ASK_NEW,    /* call dns_relay_step() for it */
	DNS_ASK_JOINED, /* the same question is on its way: its answer serves both */
	DNS_ASK_FULL,   /* a limit is reached: nothing was kept */
};

/* One message to put on the wire. */
struct dns_send {
	uint32_t attempt; /* query * DNS_ATTEMPTS + 0..3; what that number stood for is over */
	uint8_t upstream;
	bool stream;
	const uint8_t *message; /* borrowed until the next call; id and UDP size are set */
	size_t len;
};

enum dns_step {
	DNS_STEP_SEND,    /* put *send on the wire, then step again */
	DNS_STEP_WAIT,    /* nothing to do before its deadline */
	DNS_STEP_EXPIRED, /* give its askers SERVFAIL and end it */
};

enum dns_reply_verdict {
	DNS_REPLY_IGNORED,  /* not the answer: go on waiting */
	DNS_REPLY_AGAIN,    /* the attempt is over, step the query */
	DNS_REPLY_ACCEPTED, /* give it to the askers and end the query */
};

/** dns_relay_new() - @rng is borrowed for the relay's life.  Return: 0, or -ENOMEM. */
int dns_relay_new(const struct dns_relay_params *params, struct rng *rng, struct dns_relay **ret);
struct dns_relay *dns_relay_free(struct dns_relay *relay);

/** dns_relay_set_upstreams() - others from now on; what waits is asked again there.
 *  Attempts by stream are over, those by UDP may still be answered. */
void dns_relay_set_upstreams(struct dns_relay *relay, const struct dns_upstreams *ups,
			     uint64_t now);
const struct dns_upstreams *dns_relay_upstreams(const struct dns_relay *relay);

/**
 * dns_relay_ask() - one more client wants to know
 * @message: the client's query of at most DNS_QUERY_MAX bytes, copied
 * @ret: the query's number, on DNS_ASK_NEW and DNS_ASK_JOINED
 *
 * Two queries are the same when all bytes but the id are.
 */
enum dns_ask dns_relay_ask(struct dns_relay *relay, const struct dns_query *query,
			   const uint8_t *message, size_t len, const struct dns_asker *asker,
			   uint64_t now, uint32_t *ret);

enum dns_step dns_relay_step(struct dns_relay *relay, uint32_t query, uint64_t now,
			     struct dns_send *send);

/** dns_relay_reply() - @len bytes came for @attempt, from its upstream's address or connection */
enum dns_reply_verdict dns_relay_reply(struct dns_relay *relay, uint32_t attempt,
				       const uint8_t *reply, size_t len, uint64_t now);

/** dns_relay_find() - the attempt on @upstream's stream with this id, or DNS_NO_ATTEMPT */
uint32_t dns_relay_find(const struct dns_relay *relay, uint8_t upstream, uint16_t id);

/** dns_relay_attempt_failed() - it could not be sent, or was refused: the query becomes due
 *  @blame: the upstream's fault, not a lack of descriptors here */
void dns_relay_attempt_failed(struct dns_relay *relay, uint32_t attempt, bool blame, uint64_t now);

/** dns_relay_stream_lost() - the same for all attempts on a stream of @upstream
 *  @was_used: it has answered before, so its end says nothing against the upstream */
void dns_relay_stream_lost(struct dns_relay *relay, uint8_t upstream, bool was_used, uint64_t now);

/** dns_relay_message(), dns_relay_query() - what is being asked; borrowed until it ends */
const uint8_t *dns_relay_message(const struct dns_relay *relay, uint32_t query);
const struct dns_query *dns_relay_query(const struct dns_relay *relay, uint32_t query);

/** dns_relay_take_asker() - one that waits for @query; false when there is none any more */
bool dns_relay_take_asker(struct dns_relay *relay, uint32_t query, struct dns_asker *ret);

/** dns_relay_end() - forgets @query, its attempts and askers */
void dns_relay_end(struct dns_relay *relay, uint32_t query);

uint64_t dns_relay_next_deadline(const struct dns_relay *relay);

/** dns_relay_due() - one query whose deadline has come: step it; UINT32_MAX for none */
uint32_t dns_relay_due(struct dns_relay *relay, uint64_t now);

uint32_t dns_relay_in_flight(const struct dns_relay *relay);

#endif
