/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outbox.h - what goes to a peer: gathered, encrypted, sent as one train
 *
 * Packets for the same peer that follow each other are written one behind the other, sealed by one
 * call and handed to the transport as one datagram train: equal lengths, but for the last.  What can't be
 * sealed for want of a session waits (staging.h) until there is one.
 *
 * A *lane* is one of several ways to the same peer that keep their own order: one of its streams.
 * By UDP there is lane 0 alone.
 *
 * The worker of a gateway and a client's device share this; both count by the rule of counters.h.
 * Context: the thread that owns the tunnel.
 */
#ifndef CULVERT_ENGINE_OUTBOX_H
#define CULVERT_ENGINE_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/counters.h"
#include "engine/peer_mtu.h"
#include "engine/staging.h"
#include "io/udp.h"
#include "wireguard/wireguard.h"

#define OUTBOX_BYTES    65536
#define OUTBOX_MESSAGES 64    /* UDP_SEGMENT's limit on Linux 6.1 */
#define OUTBOX_PLAIN    65408 /* bytes of the longest packet that can be sent */

/*
 * The way out.  @tx->to tells whether it is a stream.
 * Return: 0; OUTBOX_HANDED_ON: to another thread, who counts it; or -errno: nothing, or not all of it,
 * was sent; -EMSGSIZE: the path is narrower; for a stream -ENOBUFS: no room on the way to it.
 */
#define OUTBOX_HANDED_ON 1

struct outbox_send {
	int (*send)(void *ctx, uint32_t peer, unsigned int lane, const struct udp_tx *tx);
	void *ctx;
};

struct outbox_params {
	struct wg_tunnel *tunnel; /* borrowed, as all below */
	struct peer_mtu *mtu;
	struct staging *staging;
	struct path_counters *counters;
	struct outbox_send send;
};

struct outbox;

/** outbox_new() - Return: 0 or -ENOMEM */
int outbox_new(const struct outbox_params *params, struct outbox **ret);
struct outbox *outbox_free(struct outbox *o);

/** outbox_set_time() - the time of all calls until the next one: once a round */
void outbox_set_time(struct outbox *o, uint64_t now);

/**
 * outbox_room() - where the next packet to @peer is to be written
 * @tos: of the outer header: ECN alone
 * @longest: bytes that will be written at most, up to OUTBOX_PLAIN
 *
 * Sends what was gathered if it is for somebody else or leaves no room.
 * Return: valid until the next call; used by outbox_add(), or not at all.
 */
uint8_t *outbox_room(struct outbox *o, uint32_t peer, unsigned int lane, uint8_t tos,
		     uint32_t longest);

/** outbox_add() - the @len bytes that were written to outbox_room() are a packet; 0: a keepalive */
void outbox_add(struct outbox *o, uint32_t len);

/** outbox_flush() - sends what was gathered.  Once at the end of each round. */
void outbox_flush(struct outbox *o);

/** outbox_keepalive() - sends an empty message now, which counts as generated */
void outbox_keepalive(struct outbox *o, uint32_t peer, unsigned int lane);

/** outbox_staged() - sends what waited for a session with @peer, each in the lane that it was for */
void outbox_staged(struct outbox *o, uint32_t peer);

/** outbox_purge() - drops what waits for a session with @peer */
void outbox_purge(struct outbox *o, uint32_t peer, enum verdict reason);

/** outbox_waits() - whether anything waits for a session with @peer */
bool outbox_waits(const struct outbox *o, uint32_t peer);

#endif
