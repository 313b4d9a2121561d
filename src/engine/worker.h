/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker.h - one thread's packet walk
 *
 * A worker owns its share of the peers, the NAT shard that serves them, one socket of the
 * tunnel's port and one end of the external interface.  It shares nothing: see post.h for what
 * crosses.  worker_poll() is a function of the time and of what its sockets hold, so that a
 * replay runs it on a virtual clock and a virtual wire.
 */
#ifndef CULVERT_ENGINE_WORKER_H
#define CULVERT_ENGINE_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "engine/counters.h"
#include "engine/dns_proxy.h"
#include "engine/post.h"
#include "engine/table.h"
#include "io/external.h"
#include "io/tun.h"
#include "io/udp.h"
#include "nat/nat.h"

struct loopback;
struct worker;

struct worker_params {
	unsigned int number;
	unsigned int workers;
	struct post *post;         /* borrowed, as all below */
	struct udp *udp;           /* this worker's socket */
	uint16_t stream_port;      /* of [Stream]; 0: none */
	struct external *external; /* this worker's end */
	struct tun *tun;           /* worker 0 if there is an adapter, else NULL */
	bool has_adapter;          /* whether worker 0 has one */
	struct loopback *loopback; /* worker 0 where there is no adapter, else NULL */
	struct dns_proxy *dns;     /* NULL: no proxy */
	const struct table *table; /* the first one */
	const struct uplink *uplink;
	const struct nat_params *nat; /* of this shard */
	struct rng *rng;              /* for life */
};

/** worker_new() - Return: 0 or -ENOMEM */
int worker_new(const struct worker_params *params, struct worker **ret);
struct worker *worker_free(struct worker *w);

/* What worker_poll() should look at. */
enum worker_ready {
	WORKER_UDP = 1,
	WORKER_EXTERNAL = 2,
	WORKER_TUN = 4,
	WORKER_POST = 8, /* messages, DNS answers */
	WORKER_LOOPBACK = 16,
	WORKER_ALL = 31,
};

/**
 * worker_poll() - one round: at most a batch from each ready source, then what is due at @now
 * Return: the sources that may hold more.
 */
unsigned int worker_poll(struct worker *w, unsigned int ready, uint64_t now);

uint64_t worker_next_deadline(const struct worker *w);

/** worker_stopped() - whether POST_STOP has come */
bool worker_stopped(const struct worker *w);

/** worker_run() - the thread: waits and polls until POST_STOP.  Return: 0 or -errno at start. */
int worker_run(struct worker *w);

/* Context of these: any thread. */
const struct path_counters *worker_counters(const struct worker *w);
const struct nat_gauges *worker_nat(const struct worker *w, enum nat_protocol protocol);
/** worker_client_mappings() - how many NAT mappings one of its peers has */
uint64_t worker_client_mappings(const struct worker *w, uint32_t peer);
const struct wg_peer_stats *worker_peer_stats(const struct worker *w, uint32_t peer);

#endif
