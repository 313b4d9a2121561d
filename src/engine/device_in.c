/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/device_parts.h"

#include "engine/ecn.h"

#define LONE_MAX      2048 /* receptions not longer on average are lone packets */
#define STREAM_GROUPS 8    /* per lane and round */

/* Messages on their way to the cipher, in order of arrival. */
struct inbox {
	size_t n;
	struct wg_rx rx[BATCH_MAX];
	uint8_t tos[BATCH_MAX]; /* outer */
};

/* One decrypted packet becomes a train at *t.  Returns whether it did. */
static bool accept_inner(struct device *d, const struct wg_rx *rx, uint8_t outer_tos,
			 struct train *t)
{
	enum verdict v = rx->verdict;
	struct addr src;

	if (v == PASS && rx->len == 0) {
		counter_add(&d->counters.consumed, 1); /* a keepalive */
		return false;
	}
	if (v == PASS)
		v = train_parse_any(t, rx->data, rx->len, CSUM_UNCHECKED);
	if (v == PASS) {
		src = train_src(t);
		if (allowed_ips_find(d->allowed, &src) != rx->peer)
			v = DROP_WG_SOURCE;
	}
	if (v == PASS && !ecn_decapsulate(t, outer_tos))
		v = DROP_ECN;
	if (v != PASS)
		device_drop(d, v, 1);
	return v == PASS;
}

static void to_host(struct device *d, const struct train *t)
{
	uint32_t segments = train_segments(t);
	enum verdict v = tun_send(d->tun, t);

	if (v == PASS)
		counter_add(&d->counters.out_host, segments);
	else
		device_drop(d, v, segments);
}

/* Decrypted, joined to trains across receptions and peers, and to the adapter. */
static void open_inbox(struct device *d, struct inbox *in)
{
	size_t n = 0;

	wg_tunnel_open(d->tunnel, in->rx, in->n, d->now);
	for (size_t i = 0; i < in->n; i++)
		n += accept_inner(d, &in->rx[i], in->tos[i], &d->trains[n]);
	in->n = 0;
	n = trains_join(d->trains, n);
	for (size_t i = 0; i < n; i++)
		to_host(d, &d->trains[i]);
}

static void handshake(struct device *d, const struct udp_rx *rx, const uint8_t *message,
		      uint32_t len)
{
	bool load = handshake_load_note(&d->load, d->now);
	struct wg_output out;
	enum verdict v;

	if (!d->handshaker) {
		device_drop(d, DROP_WG_MAC, 1); /* without a key of ours none can be right */
		return;
	}
	v = wg_handshaker_receive(d->handshaker, message, len, &rx->from, &rx->to, load, d->now,
				  &out);
	if (v == PASS)
		counter_add(&d->counters.consumed, 1);
	else
		device_drop(d, v, 1);
	device_output(d, &out);
}

/* The messages of one reception: data to the cipher, handshakes answered. */
static void sort_messages(struct device *d, struct inbox *in, const struct udp_rx *rx)
{
	if (rx->len == 0) { /* an empty frame of a stream */
		counter_add(&d->counters.in_tunnel, 1);
		device_drop(d, DROP_WG_MALFORMED, 1);
		return;
	}
	/* A train that does not fit whole would leave as two. */
	if (in->n + (rx->len - 1) / rx->segment >= BATCH_MAX)
		open_inbox(d, in);
	for (uint32_t at = 0; at < rx->len; at += rx->segment) {
		uint32_t len = rx->len - at < rx->segment ? rx->len - at : rx->segment;
		uint8_t *bytes = rx->data + at;
		int type = wg_message_type(bytes, len);

		counter_add(&d->counters.in_tunnel, 1);
		if (type == 0) {
			device_drop(d, DROP_WG_MALFORMED, 1);
			continue;
		}
		if (type != WG_DATA) {
			handshake(d, rx, bytes, len);
			continue;
		}
		if (in->n == BATCH_MAX)
			open_inbox(d, in);
		in->tos[in->n] = rx->tos;
		in->rx[in->n++] =
			(struct wg_rx){ bytes, len, &rx->from, &rx->to, PASS, WG_NO_PEER };
	}
}

unsigned int device_udp_poll(struct device *d)
{
	struct udp_rx rx[UDP_RX_BATCH];
	size_t asked = d->lone ? UDP_RX_BATCH : UDP_RX_TRAINS;
	size_t n = d->udp ? udp_recv(d->udp, rx, asked) : 0;
	struct inbox in;
	size_t bytes = 0;

	in.n = 0;
	for (size_t i = 0; i < n; i++) {
		/* What is still on its way to the address of before would have us send from there. */
		if (d->now < d->moving_until)
			rx[i].to = (struct addr){ .family = ADDR_NONE };
		sort_messages(d, &in, &rx[i]);
		bytes += rx[i].len;
	}
	open_inbox(d, &in);
	if (n > 0)
		d->lone = bytes / n <= LONE_MAX;
	return n == asked ? DEVICE_UDP : 0;
}

/* Returns whether there may be more. */
static bool lane_poll(struct device *d, struct lanes *lanes, unsigned int lane)
{
	struct stream_rx groups[STREAM_GROUPS];
	struct udp_rx rx[STREAM_GROUPS]; /* the inbox borrows addresses from here */
	struct addr local;
	size_t n = lanes_recv(lanes, lane, groups, STREAM_GROUPS, &local);
	struct inbox in;

	in.n = 0;
	for (size_t i = 0; i < n; i++) {
		rx[i] = (struct udp_rx){
			.data = groups[i].data,
			.len = groups[i].len,
			.segment = groups[i].segment,
			.from = lanes_endpoint(lanes, lane),
			.to = local,
		};
		sort_messages(d, &in, &rx[i]);
	}
	open_inbox(d, &in);
	/* TLS may hold decrypted messages of which the descriptor says nothing. */
	return lanes_unread(lanes, lane);
}

unsigned int device_streams_poll(struct device *d)
{
	bool more = false;

	for (size_t i = 0; i < d->n_streams; i++) {
		for (unsigned int lane = 0; lane < STREAM_LANES; lane++)
			more |= lane_poll(d, d->streams[i].lanes, lane);
	}
	return more ? DEVICE_STREAM : 0;
}
