/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/path.h"

#include <errno.h>

/* If the ring is full it stays open, at worst until the client closes it. */
static void close_stream(struct worker *w, uint32_t stream)
{
	struct post_stream body = { .stream = stream };

	(void)post_send(w->post, w->number, post_stream(w->workers), POST_STREAM_CLOSED, &body,
			sizeof(body), NULL, 0);
}

void path_heard_by_stream(struct worker *w, uint32_t peer, const struct endpoint *from,
			  const struct addr *to)
{
	struct post_stream body = { .stream = from->stream };
	uint32_t left;

	/* If the ring is full: the bundle says so again in time. */
	if (bundle_heard(w->bundles, peer, from, to, w->now, &left))
		(void)post_send(w->post, w->number, post_stream(w->workers), POST_STREAM_USED,
				&body, sizeof(body), NULL, 0);
	if (left != 0)
		close_stream(w, left);
}

void path_forget_streams(struct worker *w, uint32_t peer)
{
	uint32_t left[BUNDLE_LANES];
	unsigned int n = bundle_forget(w->bundles, peer, left);

	while (n > 0)
		close_stream(w, left[--n]);
}

unsigned int path_lane(const struct endpoint *to, uint32_t flow)
{
	return to->stream == 0 ? 0 : flow % BUNDLE_LANES;
}

bool path_mend_endpoint(struct worker *w, uint32_t peer)
{
	struct addr from;
	const struct endpoint *now = wg_tunnel_endpoint(w->tunnel, peer, &from);
	const struct endpoint *to;

	if (!now || now->stream == 0)
		return false;
	to = bundle_choose(w->bundles, peer, 0, &from);
	if (to)
		wg_tunnel_set_endpoint(w->tunnel, peer, to, &from);
	return true;
}

int path_send_by_stream(struct worker *w, uint32_t peer, unsigned int lane, const struct udp_tx *tx)
{
	struct addr from;
	const struct endpoint *to = bundle_choose(w->bundles, peer, lane, &from);

	if (!to)
		return -ENOTCONN;
	if (!post_to_stream(w->post, w->number, w->workers, to->stream, tx->data, tx->len,
			    tx->segment))
		return -ENOBUFS;
	return OUTBOX_HANDED_ON;
}
