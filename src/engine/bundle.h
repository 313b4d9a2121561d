/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bundle.h - the streams by which a peer is reached
 *
 * A client opens several TCP connections, so that a segment lost on one holds up only the inner flows
 * on that one.  To WireGuard they are one place: here is which they are.  A *lane* is a number that
 * flows of one peer are spread over (packet/flow_hash.h); as long as the streams stay, a lane stays
 * on its stream.
 *
 * A peer's streams are those by which it was authentically heard, as long as they are open, have the
 * address where it was heard last, and are not silent while others are not: what lies longer may
 * be the remains of a connection that died without a word.
 *
 * Limit: BUNDLE_LANES streams of a peer; the one that was silent longest makes room, and is closed, so
 * that no peer holds more of the gateway's connections than that.
 * Context: the worker that owns the peers.  Pure.
 */
#ifndef CULVERT_ENGINE_BUNDLE_H
#define CULVERT_ENGINE_BUNDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"

#define BUNDLE_LANES  8u
#define BUNDLE_SILENT (10 * NS_PER_S) /* behind the stream that was heard last */
#define BUNDLE_TELL   (5 * NS_PER_S)

struct bundles;

/** bundles_new() - Return: 0 or -ENOMEM */
int bundles_new(uint32_t peers_max, struct bundles **ret);
struct bundles *bundles_free(struct bundles *b);

/**
 * bundle_heard() - a message of @peer by the stream @from was genuine
 * @to: our own address there
 * @ret_left: the stream that made room for it, to be closed; 0: none
 *
 * Return: whether the stream thread should be told (POST_STREAM_USED): of a new stream, and again after
 * BUNDLE_TELL, for a message may be lost.
 */
bool bundle_heard(struct bundles *b, uint32_t peer, const struct endpoint *from,
		  const struct addr *to, uint64_t now, uint32_t *ret_left);

/**
 * bundle_choose() - the stream for what goes to @peer in @lane
 * Return: borrowed until the next call that changes it; NULL: none is left.
 */
const struct endpoint *bundle_choose(const struct bundles *b, uint32_t peer, unsigned int lane,
				     struct addr *ret_from);

/** bundle_closed() - the stream is no more, whoever's it was */
void bundle_closed(struct bundles *b, uint32_t stream);

/** bundle_forget() - the peer is another, or gone
 *  @ret_left: the streams that it had, to be closed.  Return: how many. */
unsigned int bundle_forget(struct bundles *b, uint32_t peer,
			   uint32_t ret_left[static BUNDLE_LANES]);

#endif
