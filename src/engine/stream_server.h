/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream_server.h - the stream thread: WireGuard messages that come by TCP
 *
 * Owns the listener and every connection (io/stream.h).  What it reads is sorted by receiver index as
 * datagrams are, and handed to workers and the handshake thread, who know a connection by its number;
 * what they answer comes back by post.h.  It knows no keys: whether a message was genuine it is told.
 *
 * Strangers may connect, so each must soon prove itself:
 *
 *	TLS within STREAM_TLS_TIME; a genuine message within STREAM_PROOF_TIME, else it is closed
 *	STREAM_PLACES connections in all: at the limit the oldest unproven one makes room, and
 *	where all are proven the new one is refused
 *	STREAM_SOURCE_MAX unproven ones of one IPv4 address or IPv6 /64: the new one is refused
 *
 * A proven one lives as long as TCP keeps it, its peer is one, and has no more than bundle.h allows.
 */
#ifndef CULVERT_ENGINE_STREAM_SERVER_H
#define CULVERT_ENGINE_STREAM_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "engine/counters.h"
#include "engine/post.h"

#define STREAM_TLS_TIME (10 * NS_PER_S)
/* A client whose session has died with the gateway's last run finds out after 15 s of silence
   (KEEPALIVE_TIMEOUT + REKEY_TIMEOUT), and must be given longer than that. */
#define STREAM_PROOF_TIME (20 * NS_PER_S)
#define STREAM_SOURCE_MAX 64u

struct stream_server;
struct stream_tls;

struct stream_server_params {
	unsigned int workers;
	struct post *post;      /* borrowed, as all below */
	int listener;           /* stream_listen() */
	struct stream_tls *tls; /* NULL: plain TCP */
};

/** stream_server_new() - Return: 0 or -errno */
int stream_server_new(const struct stream_server_params *params, struct stream_server **ret);
struct stream_server *stream_server_free(struct stream_server *s);

/** stream_server_poll() - one round, without waiting.  Return: whether there may be more at once. */
bool stream_server_poll(struct stream_server *s, uint64_t now);
uint64_t stream_server_next_deadline(const struct stream_server *s);
bool stream_server_stopped(const struct stream_server *s);

/** stream_server_run() - the thread: waits and polls until POST_STOP */
void stream_server_run(struct stream_server *s);

/* Context of these: any thread. */
const struct path_counters *stream_server_counters(const struct stream_server *s);
unsigned int stream_server_connections(const struct stream_server *s); /* now */

#endif
