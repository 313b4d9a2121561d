/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tunnel.h - what the files of the worker's half share
 *
 *   tunnel.c   peers, endpoints, installing sessions, events, timers
 *   open.c     received data messages
 *   seal.c     data messages to send
 */
#ifndef CULVERT_WIREGUARD_TUNNEL_H
#define CULVERT_WIREGUARD_TUNNEL_H

#include "base/deadlines.h"
#include "wireguard/session.h"
#include "wireguard/timers.h"

#define TUNNEL_CHUNK 64 /* messages per call of the AEAD */

/* A worker repeats its request for a handshake with a peer not sooner than this: the
 * handshake thread retransmits by itself. */
#define ASK_INTERVAL NS_PER_S

struct tunnel_peer {
	struct sessions sessions;
	struct timers timers;
	struct endpoint endpoint; /* addr.family ADDR_NONE: not known */
	struct addr from;         /* our own address towards it */
	uint64_t ask_after;       /* ns: when a handshake may be asked for again */
	unsigned int events;      /* or-ed enum wg_event_kind, not yet taken */
	bool queued;              /* stands in the queue of events */
	bool present;
	struct wg_peer_stats stats;
};

struct wg_tunnel {
	struct rng *rng;
	uint32_t peers_max;
	struct tunnel_peer *peers;   /* by number; untouched memory costs nothing */
	struct index_table *indices; /* receiver index -> session_id() */
	struct deadlines *deadlines; /* per peer: the earliest of its timers */

	/* Peers with events, a ring of peers_max places. */
	uint32_t *queue;
	uint32_t queue_first;
	uint32_t queue_len;
};

/** tunnel_peer() - Return: the peer, or NULL */
struct tunnel_peer *tunnel_peer(const struct wg_tunnel *t, uint32_t peer);

/** tunnel_raise() - adds @kind to what is pending for @peer */
void tunnel_raise(struct wg_tunnel *t, uint32_t peer, enum wg_event_kind kind);

/** tunnel_ask() - for a handshake, unless that was done a moment ago */
void tunnel_ask(struct wg_tunnel *t, uint32_t peer, uint64_t now);

/** tunnel_rearm() - after the peer's timers have changed */
void tunnel_rearm(struct wg_tunnel *t, uint32_t peer);

#endif
