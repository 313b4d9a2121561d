/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns_proxy_parts.h - what the files of the DNS proxy share (private to them)
 *
 * dns_proxy.c is the thread and its two ends towards workers and the main thread,
 * dns_proxy_upstreams.c the side of the resolvers, dns_proxy_clients.c clients by TCP.
 */
#ifndef CULVERT_ENGINE_DNS_PROXY_PARTS_H
#define CULVERT_ENGINE_DNS_PROXY_PARTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/deadlines.h"
#include "base/ring.h"
#include "config/config.h"
#include "dns/dns.h"
#include "engine/dns_proxy.h"
#include "io/dns_upstream.h"
#include "io/loop.h"
#include "io/resolv.h"

#define DNS_QUERIES_MAX     4096u
#define DNS_ASKERS_MAX      8192u
#define DNS_PER_CLIENT_MAX  256u
#define DNS_UDP_SOCKETS_MAX 4096u /* for all but the first attempt of a query: half of them */
#define DNS_CLIENTS_MAX     256u  /* TCP connections, all clients */
#define DNS_CLIENTS_EACH    16u   /* of one client address */
#define DNS_LISTENERS_MAX   4u
#define DNS_ORIGIN_TCP      UINT32_MAX /* asker.origin of TCP clients; their number is .peer */

/* The upper half of a loop event's `what`; the lower is an index. */
enum dns_event {
	DNS_EVENT_WAKER,
	DNS_EVENT_UDP,      /* attempt */
	DNS_EVENT_UPSTREAM, /* upstream's stream */
	DNS_EVENT_LISTENER,
	DNS_EVENT_CLIENT,
};

#define DNS_EVENT(kind, index) ((uint64_t)(kind) << 32 | (index))

/* What [Dns] says, ready for use.  Made by the main thread, owned by the proxy's. */
struct dns_choice {
	struct config_upstream upstreams[DNS_UPSTREAMS_MAX];
	size_t n;
	bool from_host; /* the upstreams are resolv.conf's and follow it */
	bool private_answers;
	uint32_t cache;
	struct dns_tls *tls; /* owned; NULL without TLS upstreams */
};

/* A connection to an upstream, kept while it is of use. */
struct dns_link {
	struct dns_stream *stream; /* NULL: none */
	unsigned int interest;
	bool answered;     /* it has brought an answer */
	uint64_t waiting;  /* since when an answer is outstanding, ns; NEVER: none is */
	uint64_t idle_at;  /* when it is closed for want of use */
	uint64_t retry_at; /* not before this is it opened again */
	uint64_t backoff;  /* ns */
};

struct dns_tcp_client {
	struct dns_stream *stream; /* NULL: free */
	unsigned int interest;
	uint32_t src;    /* whose limits it counts against */
	uint64_t serial; /* tells it from the next one in this place */
	uint32_t in_flight;
	bool slow; /* it does not read its answers: about to be closed */
};

struct dns_listener {
	int fd;
	struct prefix from;
	bool translator; /* one address with many clients behind it */
	bool paused;     /* no descriptor was left for a connection */
};

struct dns_upstream_counters {
	struct counter alive, rtt, queries, failures;
};

struct dns_proxy {
	/* both: set before the thread starts */
	uint32_t gateway;
	struct prefix tunnel;
	unsigned int workers;
	int *worker_wakers;
	char *resolv_conf;
	int waker;
	struct ring **asks;    /* workers to proxy */
	struct ring **answers; /* proxy to workers */
	struct ring *orders;   /* main to proxy */
	pthread_t thread;

	/* main */
	unsigned int n_listens;

	/* the proxy's thread */
	struct loop *loop;
	struct rng rng;
	struct dns_relay *relay;
	struct dns_cache *cache; /* NULL: none */
	struct dns_choice choice;
	struct resolv_stamp resolv_seen;
	uint64_t resolv_look_at;
	int *udp; /* descriptor of each attempt, -1: none */
	uint32_t n_udp;
	struct dns_link links[DNS_UPSTREAMS_MAX];
	struct dns_listener listeners[DNS_LISTENERS_MAX];
	size_t n_listeners;
	uint64_t listeners_resume_at;
	struct dns_tcp_client clients[DNS_CLIENTS_MAX];
	struct deadlines *client_deadlines;
	uint64_t serial;
	bool stopping;
	uint8_t scratch[DNS_MESSAGE_MAX];

	/* written by the proxy's thread, read by any */
	struct counter queries, cached, failed, overload, entries;
	struct dns_upstream_counters upstream_counters[DNS_UPSTREAMS_MAX];

	/* both, under lock: the upstreams' names change seldom */
	pthread_mutex_t lock;
	char names[DNS_UPSTREAMS_MAX][80];
	size_t n_names;
};

/* dns_proxy.c */

/**
 * dns_proxy_query() - one query from a worker or a TCP client: answered or sent on its way
 * @asker: without .id; .limit is what the path takes
 * Return: false when it is no query and gets no answer, now or later.
 */
bool dns_proxy_query(struct dns_proxy *p, const uint8_t *message, size_t len,
		     struct dns_asker asker, uint64_t now);

/** dns_proxy_advance() - does what is next for a query in flight */
void dns_proxy_advance(struct dns_proxy *p, uint32_t query, uint64_t now);

/** dns_proxy_accepted() - @reply goes to all who wait for @query */
void dns_proxy_accepted(struct dns_proxy *p, uint32_t query, const uint8_t *reply, size_t len,
			uint64_t now);

/* dns_proxy_upstreams.c */
int dns_choice_make(const struct config *config, uint32_t gateway, struct dns_choice *ret,
		    char *complaint);
void dns_choice_done(struct dns_choice *choice);

/** dns_proxy_use() - takes @choice and asks its upstreams from now on */
void dns_proxy_use(struct dns_proxy *p, struct dns_choice *choice, uint64_t now);

/** dns_proxy_check_host() - reads resolv.conf again if it has changed; looks seldom */
void dns_proxy_check_host(struct dns_proxy *p, uint64_t now);
void dns_proxy_send(struct dns_proxy *p, const struct dns_send *send, uint64_t now);
void dns_proxy_close_udp(struct dns_proxy *p, uint32_t attempt);
void dns_proxy_udp_ready(struct dns_proxy *p, uint32_t attempt, uint64_t now);
void dns_proxy_link_ready(struct dns_proxy *p, uint32_t upstream, uint64_t now);
uint64_t dns_proxy_links_deadline(const struct dns_proxy *p);
void dns_proxy_links_on_deadline(struct dns_proxy *p, uint64_t now);
void dns_proxy_links_close(struct dns_proxy *p);

/* dns_proxy_clients.c */
void dns_proxy_listener_add(struct dns_proxy *p, int fd, const struct prefix *from);
void dns_proxy_listener_ready(struct dns_proxy *p, uint32_t listener, uint64_t now);
void dns_proxy_client_ready(struct dns_proxy *p, uint32_t client, uint64_t now);
void dns_proxy_client_answer(struct dns_proxy *p, const struct dns_asker *asker,
			     const uint8_t *reply, size_t len);
uint64_t dns_proxy_clients_deadline(const struct dns_proxy *p);
void dns_proxy_clients_on_deadline(struct dns_proxy *p, uint64_t now);
void dns_proxy_clients_close(struct dns_proxy *p);

#endif
