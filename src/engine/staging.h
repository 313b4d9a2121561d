/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * staging.h - packets that wait for a session
 *
 * A worker's pool of copies, in a list per peer.  Limits: STAGING_PER_PEER packets a peer (the
 * oldest makes room), STAGING_PACKETS a worker (the newest is refused).
 */
#ifndef CULVERT_ENGINE_STAGING_H
#define CULVERT_ENGINE_STAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STAGING_PER_PEER 64u
#define STAGING_PACKETS  1024u

struct staging;

/** staging_new() - @packet_max: the longest packet kept, bytes.  Return: 0 or -ENOMEM. */
int staging_new(uint32_t peers_max, uint32_t packet_max, struct staging **ret);
struct staging *staging_free(struct staging *s);

enum staging_result {
	STAGING_KEPT,
	STAGING_KEPT_OLDEST_LOST, /* the peer's oldest went instead */
	STAGING_REFUSED,
};

/** staging_put() - copies one packet to the end of @peer's list; @lane: of outbox.h, kept with it */
enum staging_result staging_put(struct staging *s, uint32_t peer, unsigned int lane,
				const uint8_t *packet, size_t len);

/** staging_first() - what staging_take() would give.  Return: its length; 0 when there is none. */
size_t staging_first(const struct staging *s, uint32_t peer, unsigned int *ret_lane);

/**
 * staging_take() - the oldest of @peer's packets, borrowed until the next staging_put()
 * Return: NULL when there is none.
 */
const uint8_t *staging_take(struct staging *s, uint32_t peer, size_t *ret_len);
bool staging_empty(const struct staging *s, uint32_t peer);

#endif
