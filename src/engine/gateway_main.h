/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gateway_main.h - what main holds while the gateway runs (private to engine/)
 *
 * gateway.c  the loop and the order of start and stop
 * open.c     what is opened at start, each failure a sentence
 * reload.c   the file again, wg(8), an uplink that changes
 * report.c   status: the sum of what all threads count
 */
#ifndef CULVERT_ENGINE_GATEWAY_MAIN_H
#define CULVERT_ENGINE_GATEWAY_MAIN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "engine/dns_proxy.h"
#include "engine/handshake.h"
#include "engine/leases.h"
#include "engine/loopback.h"
#include "engine/post.h"
#include "engine/roster.h"
#include "engine/stream_server.h"
#include "engine/twins.h"
#include "engine/worker.h"
#include "io/control.h"
#include "io/external.h"
#include "io/loop.h"
#include "io/notify.h"
#include "io/stream.h"
#include "io/tun.h"
#include "io/udp.h"
#include "io/uplink.h"

#define WORKERS_MAX 32
#define ADAPTER     "culvert0"

/* What main has seen of one peer: bytes at two moments, from which a rate is told, and when it was heard. */
struct peer_view {
	uint64_t rx;
	uint64_t tx;
	uint64_t rx_rate; /* bytes per second */
	uint64_t tx_rate;
	uint64_t heard; /* ns; when a worker last told its endpoint, 0: never */
	struct twins twins;
};

struct gateway {
	const char *path;
	struct config *config;
	uint64_t started; /* ns */
	char rung[160];
	char state_path[4096];
	char *state;          /* the state file's text as it was last written */
	bool state_unwritten; /* that it can't be written has been said */

	struct loop *loop;
	int signals;
	struct notify *notify;
	struct control_server *control;
	struct control_server *uapi; /* NULL: no right to make its socket */
	struct uplink_watch *watch;
	struct uplink uplink;    /* as the workers know it */
	struct uplink_host host; /* as the table knows it */

	unsigned int workers;
	struct post *post;
	struct udp *udp[1 + WORKERS_MAX];
	struct external *external[WORKERS_MAX];
	bool offload_external;     /* as the self-test found */
	int listener;              /* of [Stream]; -1: none */
	struct stream_tls *tls;    /* NULL: plain TCP, or none */
	struct tun *tun;           /* NULL: no adapter */
	struct loopback *loopback; /* instead of it, for DNS over TCP; else NULL */
	struct dns_proxy *dns;
	struct leases *leases;
	struct roster *roster;
	struct rng rng;
	struct rng worker_rng[WORKERS_MAX];
	struct rng handshake_rng;

	struct worker *worker[WORKERS_MAX];
	struct handshake *handshake;
	struct stream_server *streams;      /* NULL: none */
	pthread_t threads[WORKERS_MAX + 2]; /* workers, the handshake thread, the stream thread */
	unsigned int n_threads;

	uint64_t next_housekeeping; /* ns */
	uint64_t next_state;        /* ns; NEVER: nothing new to remember */
	uint64_t next_watchdog;     /* ns */
	bool ports_short;           /* said once, until it is over */
	struct peer_view *views;    /* by peer number */
	uint64_t overruns; /* packets that the kernel had no room for on the external sockets */
	uint64_t rates_at; /* ns */
};

/* open.c: each logs one sentence on failure.  Return: 0 or -errno. */
int gateway_open_host(struct gateway *g);
int gateway_open_path(struct gateway *g);
int gateway_enter_sandbox(struct gateway *g);
int gateway_start_threads(struct gateway *g);

/* reload.c */
/** gateway_read_config() - Return: 0 and *ret, or -errno after logging every complaint */
int gateway_read_config(const char *path, struct config **ret);

/** gateway_reload() - @complaint: 512 bytes, one sentence on failure */
int gateway_reload(struct gateway *g, char *complaint);
void gateway_uplink_changed(struct gateway *g);
void gateway_uapi_call(struct gateway *g, const struct control_call *call, uint64_t now);
void gateway_lease_wanted(struct gateway *g, unsigned int worker, enum nat_protocol protocol);
/** gateway_peer_heard() - a worker tells where a peer is; says so when it had been away */
void gateway_peer_heard(struct gateway *g, const struct post_peer *where, uint64_t now);
void gateway_state_load(struct gateway *g);
void gateway_state_save(struct gateway *g);

/* report.c */
/** gateway_stream_tls() - how [Stream] is encrypted, in words */
const char *gateway_stream_tls(const struct config *config);

/** gateway_status() - Return: malloc'd JSON, or NULL */
char *gateway_status(struct gateway *g);

/** gateway_handshake_time() - seconds since 1970 of a peer's last handshake; 0: never */
uint64_t gateway_handshake_time(void *g, uint32_t peer);

/** gateway_sample_rates() - takes the byte counts from which rates are told */
void gateway_sample_rates(struct gateway *g, uint64_t now);

/** gateway_peer_bytes() - what the owning worker counted for @peer */
const struct wg_peer_stats *gateway_peer_stats(const struct gateway *g, uint32_t peer);

#endif
