/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/path.h"

#include <string.h>

#include "base/wire.h"
#include "engine/ecn.h"
#include "packet/fragment.h"
#include "packet/icmp.h"

/* IPv4 header, then TCP: what an MSS leaves out. */
#define TCP_IP_HEADERS 40

#define ICMP_HEADER 8u
#define IP4_HEADER  20u

static enum nat_protocol nat_protocol_of(const struct train *t)
{
	return t->proto == IPPROTO_NUM_TCP   ? NAT_TCP
	       : t->proto == IPPROTO_NUM_UDP ? NAT_UDP
					     : NAT_ICMP;
}

/* Whether any worker's shard has leased the block of @port: then it is no port of the host. */
static bool is_leased(const struct worker *w, enum nat_protocol protocol, uint16_t port)
{
	return w->leased[protocol][port / 64 / 64] >> (port / 64 % 64) & 1;
}

/* The quoted packet went to a client, as one from a leased port of ours. */
static bool quotes_leased(const struct worker *w, const struct train *t, uint16_t port)
{
	uint8_t proto = train_l4(t)[ICMP_HEADER + 9];

	return is_leased(w, proto == IPPROTO_NUM_TCP ? NAT_TCP : NAT_UDP, port);
}

uint16_t path_quoted_port(const struct train *t)
{
	const uint8_t *l4 = train_l4(t);
	const uint8_t *ip = l4 + ICMP_HEADER;
	uint32_t header;

	if (t->proto != IPPROTO_NUM_ICMP || train_is_fragment(t) ||
	    (l4[0] != ICMP_UNREACHABLE && l4[0] != ICMP_TIME_EXCEEDED &&
	     l4[0] != ICMP_PARAMETER_PROBLEM) ||
	    t->head_len < t->l4 + ICMP_HEADER + IP4_HEADER)
		return 0;
	header = (ip[0] & 0xfu) * 4;
	if ((ip[9] != IPPROTO_NUM_TCP && ip[9] != IPPROTO_NUM_UDP) || header < IP4_HEADER ||
	    t->head_len < t->l4 + ICMP_HEADER + header + 2)
		return 0;
	return load_be16(ip + header);
}

void path_turn_around(struct worker *w, struct train *t, uint16_t port)
{
	unsigned int owner = external_worker(port, w->workers);

	if (owner == w->number)
		path_from_outside(w, t);
	else
		path_cross(w, owner, POST_TRAIN_FROM_OUTSIDE, WG_NO_PEER, WG_NO_PEER, t);
}

/* A client talks to a port of our own external address that another client has opened. */
static void hairpin(struct worker *w, struct train *t, uint32_t peer, uint16_t port)
{
	enum verdict v;

	if (t->ttl <= 1) {
		path_drop(w, DROP_ROUTE_TTL, train_segments(t));
		path_icmp_to_peer(w, t, peer, ICMP_TIME_EXCEEDED, 0, 0);
		return;
	}
	v = nat_outbound(w->nat, t, peer, w->now);
	if (v == PASS)
		path_turn_around(w, t, port); /* and on the way in it loses one hop */
	else
		path_drop(w, v, train_segments(t));
}

/* RFC 4787 REQ-9 and, for errors about such packets, RFC 5508 REQ-7; the rest is the host's. */
static void to_external_address(struct worker *w, struct train *t, uint32_t peer)
{
	bool has_ports = t->proto == IPPROTO_NUM_TCP || t->proto == IPPROTO_NUM_UDP;
	uint16_t quoted = path_quoted_port(t);

	if (has_ports && is_leased(w, nat_protocol_of(t), t->dport))
		hairpin(w, t, peer, t->dport);
	else if (quoted != 0 && quotes_leased(w, t, quoted))
		hairpin(w, t, peer, quoted);
	else
		path_to_host(w, t, peer);
}

/* RFC 4787 REQ-13a: what may be fragmented is.  @t has been translated whole. */
static void fragments_to_internet(struct worker *w, const struct train *t)
{
	size_t mtu = w->uplink.mtu < sizeof(w->answer) ? w->uplink.mtu : sizeof(w->answer);
	struct fragments f;
	struct train part;
	struct cut cut;
	size_t len;

	cut_start(&cut, t);
	while ((len = cut_next(&cut, w->scratch, sizeof(w->scratch))) > 0) {
		uint32_t n = 0;

		fragments_start(&f, w->scratch, len, mtu);
		while ((len = fragments_next(&f, w->answer)) > 0) {
			enum verdict v = train_parse(&part, w->answer, len, CSUM_VERIFIED);

			n++;
			if (v == PASS)
				v = external_send(w->external, &part);
			if (v != PASS) {
				path_drop(w, v, 1);
				continue;
			}
			counter_add(&w->counters.out_external, 1);
			counter_add(&w->counters.out_external_bytes, len);
		}
		counter_add(&w->counters.generated, n - 1); /* one came, n go */
	}
}

/* Out by the NAT; the gauge is what status tells of the client. */
static enum verdict translate(struct worker *w, struct train *t, uint32_t peer)
{
	enum verdict v = nat_outbound(w->nat, t, peer, w->now);

	if (v == PASS)
		counter_set(&w->client_mappings[peer], nat_client_mappings(w->nat, peer));
	return v;
}

static void to_internet(struct worker *w, struct train *t, uint32_t peer)
{
	uint32_t mtu = w->uplink.mtu;
	uint32_t segments = train_segments(t);
	uint32_t bytes = t->len;
	bool too_big = train_segment_len(t) > mtu;
	enum verdict v;

	if (!w->uplink.up) {
		path_drop(w, DROP_EXTERNAL_DOWN, segments);
		return;
	}
	if (too_big && t->dont_fragment) {
		path_too_big(w, t, peer, WG_NO_PEER, mtu);
		return;
	}
	if (t->proto == IPPROTO_NUM_TCP && t->tcp_flags & TCP_SYN && !train_is_fragment(t))
		train_clamp_mss(t, (uint16_t)((path_mtu(w, peer) < mtu ? path_mtu(w, peer) : mtu) -
					      TCP_IP_HEADERS));
	v = translate(w, t, peer);
	if (v == PASS && too_big) {
		fragments_to_internet(w, t);
		return;
	}
	if (v == PASS)
		v = external_send(w->external, t);
	if (v != PASS) {
		path_drop(w, v, segments);
		return;
	}
	counter_add(&w->counters.out_external, segments);
	counter_add(&w->counters.out_external_bytes, bytes);
}

void path_from_peer(struct worker *w, struct train *t, uint32_t peer)
{
	uint32_t dst_peer = allowed_ips_find_ip4(w->table->allowed, t->dst);
	struct route route = router_from_inside(w->table->router, t, dst_peer);

	switch (route.to) {
	case ROUTE_NOWHERE:
		path_drop(w, route.drop, train_segments(t));
		if (route.answer)
			path_icmp_to_peer(w, t, peer, route.icmp_type, route.icmp_code, 0);
		break;
	case ROUTE_PEER:
		train_set_ttl(t, (uint8_t)(t->ttl - 1));
		path_to_peer(w, route.peer, t, peer);
		break;
	case ROUTE_GATEWAY:
		path_to_gateway(w, t, peer);
		break;
	case ROUTE_HOST:
		path_to_host(w, t, peer);
		break;
	case ROUTE_EXTERNAL_ADDRESS:
		to_external_address(w, t, peer);
		break;
	case ROUTE_INTERNET:
		train_set_ttl(t, (uint8_t)(t->ttl - 1));
		to_internet(w, t, peer);
		break;
	}
}

static void refuse_ip6(struct worker *w, const struct wg_rx *rx)
{
	struct addr src = { .family = ADDR_IP6 };
	size_t len;

	if (rx->len >= 40)
		memcpy(src.bytes, rx->data + 8, sizeof(src.bytes));
	if (rx->len < 40 || allowed_ips_find(w->table->allowed, &src) != rx->peer) {
		path_drop(w, DROP_WG_SOURCE, 1);
		return;
	}
	path_drop(w, DROP_IP6_REFUSED, 1);
	len = icmp6_refusal(rx->data, rx->len, w->answer);
	if (len == 0 || len > w->table->mtu)
		return;
	counter_add(&w->counters.generated, 1);
	path_packet_to_peer(w, rx->peer, w->answer, len);
}

/* One decrypted packet becomes a train at *t.  Returns whether it did. */
static bool accept_inner(struct worker *w, const struct wg_rx *rx, uint8_t outer_tos,
			 struct train *t)
{
	enum verdict v = rx->verdict;

	if (v == PASS && rx->len == 0) {
		counter_add(&w->counters.consumed, 1); /* a keepalive */
		return false;
	}
	if (v == PASS && rx->data[0] >> 4 == 6) {
		refuse_ip6(w, rx);
		return false;
	}
	if (v == PASS)
		v = train_parse(t, rx->data, rx->len, CSUM_UNCHECKED);
	if (v == PASS && allowed_ips_find_ip4(w->table->allowed, t->src) != rx->peer)
		v = DROP_WG_SOURCE;
	if (v == PASS && !ecn_decapsulate(t, outer_tos))
		v = DROP_ECN;
	if (v != PASS)
		path_drop(w, v, 1);
	return v == PASS;
}

/* Messages on their way to the cipher, in order of arrival. */
struct inbox {
	size_t n;
	struct wg_rx rx[BATCH_MAX];
	uint8_t tos[BATCH_MAX]; /* outer */
};

/* By which streams peers were heard: there they are answered. */
static void note_streams(struct worker *w, const struct inbox *in)
{
	const struct endpoint *noted = NULL;
	uint32_t peer = WG_NO_PEER;

	for (size_t i = 0; i < in->n; i++) {
		const struct wg_rx *rx = &in->rx[i];

		if (rx->from->stream == 0 || rx->verdict != PASS ||
		    (rx->from == noted && rx->peer == peer))
			continue;
		noted = rx->from;
		peer = rx->peer;
		path_heard_by_stream(w, peer, rx->from, rx->to);
	}
}

/* Decrypted, joined to trains across receptions and peers, and each on its walk. */
static void open_inbox(struct worker *w, struct inbox *in)
{
	size_t n = 0;

	wg_tunnel_open(w->tunnel, in->rx, in->n, w->now);
	note_streams(w, in);
	for (size_t i = 0; i < in->n; i++)
		n += accept_inner(w, &in->rx[i], in->tos[i], &w->trains[n]);
	in->n = 0;
	n = trains_join(w->trains, n);
	for (size_t i = 0; i < n; i++) {
		/* accept_inner() has seen that the source is the sender's own. */
		uint32_t peer = allowed_ips_find_ip4(w->table->allowed, w->trains[i].src);

		path_from_peer(w, &w->trains[i], peer);
	}
}

static void inbox_add(struct worker *w, struct inbox *in, const struct wg_rx *rx, uint8_t tos)
{
	if (in->n == BATCH_MAX)
		open_inbox(w, in);
	in->tos[in->n] = tos;
	in->rx[in->n++] = *rx;
}

/* What the kernel steered here because it was glued to one of ours. */
static void pass_on(struct worker *w, unsigned int to, const struct udp_rx *rx,
		    const uint8_t *bytes, uint32_t len)
{
	struct post_datagram d = {
		.from = rx->from,
		.to = rx->to,
		.tos = rx->tos,
		.len = len,
		.segment = len,
	};

	if (!post_send(w->post, w->number, to, POST_DATAGRAM, &d, sizeof(d), bytes, len))
		path_drop(w, DROP_NO_MEMORY, 1);
}

/* Sorts the datagrams of one UDP train: ours to the cipher, the rest to their owners. */
static void sort_datagrams(struct worker *w, struct inbox *in, const struct udp_rx *rx)
{
	/* A train that does not fit whole would leave as two. */
	if (in->n + (rx->len - 1) / rx->segment >= BATCH_MAX)
		open_inbox(w, in);
	for (uint32_t at = 0; at < rx->len; at += rx->segment) {
		uint32_t len = rx->len - at < rx->segment ? rx->len - at : rx->segment;
		uint8_t *bytes = rx->data + at;
		unsigned int owner = post_owner(w->workers, bytes, len);
		struct wg_rx message = { bytes, len, &rx->from, &rx->to, PASS, WG_NO_PEER };

		counter_add(&w->counters.in_tunnel, 1);
		if (owner == POST_NOBODY)
			path_drop(w, DROP_WG_MALFORMED, 1);
		else if (owner == w->number)
			inbox_add(w, in, &message, rx->tos);
		else
			pass_on(w, owner, rx, bytes, len);
	}
}

void path_datagrams(struct worker *w, const struct post_datagram *d, uint8_t *bytes)
{
	struct inbox in;

	in.n = 0;
	for (uint32_t at = 0; at < d->len; at += d->segment) {
		uint32_t len = d->len - at < d->segment ? d->len - at : d->segment;
		struct wg_rx rx = { bytes + at, len, &d->from, &d->to, PASS, WG_NO_PEER };

		inbox_add(w, &in, &rx, d->tos);
	}
	open_inbox(w, &in);
}

unsigned int path_tunnel_poll(struct worker *w)
{
	struct udp_rx rx[UDP_RX_BATCH];
	size_t asked = w->tunnel_lone ? UDP_RX_BATCH : UDP_RX_TRAINS;
	size_t n = udp_recv(w->udp, rx, asked);
	struct inbox in;
	size_t bytes = 0;

	in.n = 0;
	for (size_t i = 0; i < n; i++) {
		sort_datagrams(w, &in, &rx[i]);
		bytes += rx[i].len;
	}
	open_inbox(w, &in);
	if (n > 0)
		w->tunnel_lone = bytes / n <= LONE_MAX;
	return n == asked ? WORKER_UDP : 0;
}
