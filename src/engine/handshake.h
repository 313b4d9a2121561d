/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handshake.h - the handshake thread
 *
 * Owns socket 0 of the tunnel's port and the wg_handshaker, so that a flood of handshakes, at
 * some 100 us of Curve25519 each, delays no data.  handshake_poll() is pure but for its
 * socket, as worker_poll() is.
 */
#ifndef CULVERT_ENGINE_HANDSHAKE_H
#define CULVERT_ENGINE_HANDSHAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "engine/counters.h"
#include "engine/post.h"
#include "engine/table.h"
#include "io/udp.h"

struct handshake;

struct handshake_params {
	unsigned int workers;
	struct post *post; /* borrowed */
	struct udp *udp;   /* socket 0; borrowed */
	const struct table *table;
	const uint8_t *private_key; /* 32 bytes; copied into the handshaker */
	struct rng *rng;
};

/** handshake_new() - Return: 0, -ENOMEM, or what wg_handshaker_peer_set() said */
int handshake_new(const struct handshake_params *params, struct handshake **ret);
struct handshake *handshake_free(struct handshake *h);

/** handshake_poll() - one round at @now; @wall is CLOCK_REALTIME in ns.
 *  Return: whether there may be more at once. */
bool handshake_poll(struct handshake *h, uint64_t now, uint64_t wall);
uint64_t handshake_next_deadline(const struct handshake *h);
bool handshake_stopped(const struct handshake *h);

/** handshake_run() - the thread, until POST_STOP */
int handshake_run(struct handshake *h);

/** handshake_counters() - Context: any thread */
const struct path_counters *handshake_counters(const struct handshake *h);

#endif
