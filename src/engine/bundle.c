/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/bundle.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/post.h"

struct lane {
	struct endpoint to; /* .stream 0: free */
	struct addr from;   /* our own address */
	uint64_t heard;     /* ns */
	uint64_t told;      /* ns: when the stream thread was */
};

struct bundle {
	struct lane lanes[BUNDLE_LANES];
	unsigned int last; /* the lane that was heard last */
};

struct bundles {
	struct bundle *peers; /* by number; untouched memory costs nothing */

	/*
	 * The last stream of each place that was closed: so a peer's streams need not be searched for
	 * it, and whoever opens and closes connections costs no more than a store.
	 */
	uint32_t closed[STREAM_PLACES];
};

int bundles_new(uint32_t peers_max, struct bundles **ret)
{
	struct bundles *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->peers = calloc(peers_max, sizeof(*b->peers));
	if (!b->peers) {
		free(b);
		return -ENOMEM;
	}
	*ret = b;
	return 0;
}

struct bundles *bundles_free(struct bundles *b)
{
	if (b)
		free(b->peers);
	free(b);
	return NULL;
}

static bool is_closed(const struct bundles *b, uint32_t stream)
{
	uint32_t closed = b->closed[stream % STREAM_PLACES];

	/* Numbers of a place go up and wrap around. */
	return closed != 0 && (int32_t)(closed - stream) >= 0;
}

static bool is_open(const struct bundles *b, const struct lane *l, const struct lane *last)
{
	return l->to.stream != 0 && !is_closed(b, l->to.stream) &&
	       addr_equal(&l->to.addr, &last->to.addr);
}

/* Whether @l carries traffic while the peer is heard by @last. */
static bool is_live(const struct bundles *b, const struct lane *l, const struct lane *last)
{
	return is_open(b, l, last) && l->heard + BUNDLE_SILENT >= last->heard;
}

/* The stream's own lane, or the one that it may have: one without use, else the most silent. */
static unsigned int find_lane(const struct bundles *b, const struct bundle *peer, uint32_t stream)
{
	unsigned int best = 0;

	for (unsigned int i = 0; i < BUNDLE_LANES; i++)
		if (peer->lanes[i].to.stream == stream)
			return i;
	for (unsigned int i = 0; i < BUNDLE_LANES; i++) {
		const struct lane *l = &peer->lanes[i];

		if (l->to.stream == 0 || is_closed(b, l->to.stream))
			return i;
		if (l->heard < peer->lanes[best].heard)
			best = i;
	}
	return best;
}

bool bundle_heard(struct bundles *b, uint32_t peer, const struct endpoint *from,
		  const struct addr *to, uint64_t now, uint32_t *ret_left)
{
	struct bundle *bundle = &b->peers[peer];
	unsigned int n = find_lane(b, bundle, from->stream);
	struct lane *l = &bundle->lanes[n];

	*ret_left = 0;
	if (is_closed(b, from->stream))
		return false; /* what it sent before it ended */
	if (l->to.stream != from->stream) {
		if (l->to.stream != 0 && !is_closed(b, l->to.stream))
			*ret_left = l->to.stream;
		*l = (struct lane){ .to = *from, .told = 0 };
	}
	l->from = *to;
	l->heard = now;
	bundle->last = n;
	if (l->told != 0 && now < l->told + BUNDLE_TELL)
		return false;
	l->told = now;
	return true;
}

/* When none is live, one that is open is worth trying: the one that was heard last. */
static const struct lane *last_open(const struct bundles *b, const struct bundle *bundle)
{
	const struct lane *best = NULL;

	for (unsigned int i = 0; i < BUNDLE_LANES; i++) {
		const struct lane *l = &bundle->lanes[i];

		if (is_open(b, l, &bundle->lanes[bundle->last]) &&
		    (!best || l->heard > best->heard))
			best = l;
	}
	return best;
}

/*
 * The lane's own stream, or the first in an order in which each lane has another one next: so two or
 * four streams have equally many lanes, and when one leaves only its lanes move.
 */
static const struct lane *choose(const struct bundles *b, const struct bundle *bundle,
				 unsigned int lane)
{
	static const unsigned int order[BUNDLE_LANES] = { 0, 4, 2, 6, 1, 5, 3, 7 };
	const struct lane *last = &bundle->lanes[bundle->last];

	for (unsigned int i = 0; i < BUNDLE_LANES; i++) {
		const struct lane *l = &bundle->lanes[(lane ^ order[i]) % BUNDLE_LANES];

		if (is_live(b, l, last))
			return l;
	}
	return last_open(b, bundle);
}

const struct endpoint *bundle_choose(const struct bundles *b, uint32_t peer, unsigned int lane,
				     struct addr *ret_from)
{
	const struct lane *chosen = choose(b, &b->peers[peer], lane);

	if (!chosen)
		return NULL;
	*ret_from = chosen->from;
	return &chosen->to;
}

void bundle_closed(struct bundles *b, uint32_t stream)
{
	if (!is_closed(b, stream))
		b->closed[stream % STREAM_PLACES] = stream;
}

unsigned int bundle_forget(struct bundles *b, uint32_t peer, uint32_t ret_left[static BUNDLE_LANES])
{
	const struct bundle *bundle = &b->peers[peer];
	unsigned int n = 0;

	for (unsigned int i = 0; i < BUNDLE_LANES; i++) {
		uint32_t stream = bundle->lanes[i].to.stream;

		if (stream != 0 && !is_closed(b, stream))
			ret_left[n++] = stream;
	}
	b->peers[peer] = (struct bundle){ .last = 0 };
	return n;
}
