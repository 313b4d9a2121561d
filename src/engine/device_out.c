/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/device_parts.h"

#include <string.h>

#include "engine/ecn.h"
#include "packet/flow_hash.h"
#include "packet/fragment.h"
#include "packet/icmp.h"

/*
 * From the adapter.  The acknowledgements that one round brings in have the host's TCP send at once,
 * mostly two segments for each and many small trains; what the adapter's queue of 500 trains has no room for
 * the kernel drops.  One batch of trains for each batch of messages would not keep up with that.
 */
#define SEGMENTS_A_ROUND 256

#define MTU_EVERY NS_PER_S

void device_refresh_mtu(struct device *d)
{
	uint32_t mtu;

	if (d->now < d->mtu_again)
		return;
	d->mtu_again = d->now + MTU_EVERY;
	mtu = tun_mtu(d->tun);
	d->inside = mtu < OUTBOX_PLAIN ? mtu : OUTBOX_PLAIN;
	peer_mtu_set_inside(d->mtu, d->inside);
}

/* The least that an IPv6 link carries (RFC 8200 section 5), and so the least that may be told. */
#define IP6_MTU_LEAST 1280u

static size_t error_about(struct device *d, const struct train *about, uint32_t mtu)
{
	if (about->ip6 && mtu != 0)
		return icmp6_error(about, ICMP6_PACKET_TOO_BIG, 0,
				   mtu < IP6_MTU_LEAST ? IP6_MTU_LEAST : mtu, d->answer);
	if (about->ip6)
		return icmp6_error(about, ICMP6_UNREACHABLE, ICMP6_ADDRESS_UNREACHABLE, 0,
				   d->answer);
	return icmp_error(about, ICMP_UNREACHABLE, mtu ? ICMP_FRAG_NEEDED : ICMP_HOST_UNREACHABLE,
			  (uint16_t)mtu, about->dst, d->answer);
}

/*
 * Dropped, and our host is told as a router on the way would tell it.
 * @mtu: what the packet would have had to fit; 0: there is no way at all
 */
static void refuse(struct device *d, const struct train *t, enum verdict reason, uint32_t mtu)
{
	enum verdict v;
	size_t len;

	device_drop(d, reason, train_segments(t));
	if (!icmp_limit_take(&d->icmp, d->now))
		return;
	len = error_about(d, t, mtu);
	if (len == 0)
		return;
	counter_add(&d->counters.generated, 1);
	v = tun_send_raw(d->tun, d->answer, len);
	if (v == PASS)
		counter_add(&d->counters.out_host, 1);
	else
		device_drop(d, v, 1);
}

/* RFC 4787 REQ-13a: what may be fragmented is. */
static void send_fragments(struct device *d, uint32_t peer, unsigned int lane,
			   const struct train *t, uint32_t mtu)
{
	uint8_t tos = t->tos & ECN_MASK;
	struct fragments f;
	struct cut cut;
	size_t len;

	cut_start(&cut, t);
	while ((len = cut_next(&cut, d->scratch, sizeof(d->scratch))) > 0) {
		uint32_t n = 0;
		size_t part;

		fragments_start(&f, d->scratch, len, mtu);
		while ((part = fragments_next(&f, outbox_room(d->outbox, peer, lane, tos, mtu))) >
		       0) {
			outbox_add(d->outbox, (uint32_t)part);
			n++;
		}
		counter_add(&d->counters.generated, n - 1); /* one came, n go */
	}
}

static void send_segments(struct device *d, uint32_t peer, unsigned int lane, const struct train *t,
			  uint32_t longest)
{
	/* RFC 6040 section 4.1: the inner ECN field is copied to the outer header. */
	uint8_t tos = t->tos & ECN_MASK;
	struct cut cut;
	size_t len;

	cut_start(&cut, t);
	while ((len = cut_next(&cut, outbox_room(d->outbox, peer, lane, tos, longest), longest)) >
	       0)
		outbox_add(d->outbox, (uint32_t)len);
}

/* A datagram of ours that was routed into the adapter: sent on, it would come back larger, for ever. */
static bool is_loop(const struct device *d, const struct train *t, const struct addr *dst,
		    const struct endpoint *to)
{
	return t->proto == IPPROTO_NUM_UDP && d->udp && t->sport == udp_port(d->udp) &&
	       t->dport == to->port && addr_equal(dst, &to->addr);
}

/* What does not fit the adapter does not come from it: it has another MTU than we know. */
static void notice_mtu(struct device *d, uint32_t seen)
{
	if (seen <= d->inside || seen > OUTBOX_PLAIN)
		return;
	d->inside = seen;
	peer_mtu_set_inside(d->mtu, seen);
}

static void from_host(struct device *d, const struct train *t)
{
	struct addr dst = train_dst(t);
	uint32_t peer = allowed_ips_find(d->allowed, &dst);
	uint32_t longest = train_segment_len(t);
	const struct endpoint *to;
	struct addr from;
	unsigned int lane;
	uint32_t mtu;

	if (peer == WG_NO_PEER) {
		refuse(d, t, DROP_ROUTE_NO_PEER, 0);
		return;
	}
	to = wg_tunnel_endpoint(d->tunnel, peer, &from);
	if (!to) {
		refuse(d, t, DROP_WG_NO_ENDPOINT, 0);
		return;
	}
	if (is_loop(d, t, &dst, to)) {
		device_drop(d, DROP_WG_LOOP, train_segments(t));
		return;
	}
	notice_mtu(d, longest);
	mtu = peer_mtu_get(d->mtu, peer, d->now);
	lane = device_lane(d, peer, to->stream ? train_flow_hash(t) : 0);
	if (longest <= mtu) {
		send_segments(d, peer, lane, t, longest);
	} else if (t->dont_fragment) {
		refuse(d, t, DROP_TOO_BIG, mtu);
	} else {
		send_fragments(d, peer, lane, t, mtu);
	}
}

/* What tun_recv() refused came in as well. */
static void count_refused(struct device *d)
{
	for (int i = 0; i < N_VERDICTS; i++) {
		if (d->tun_drops[i] == 0)
			continue;
		counter_add(&d->counters.in_host, d->tun_drops[i]);
		counter_add(&d->counters.drops[i], d->tun_drops[i]);
		d->tun_drops[i] = 0;
	}
}

unsigned int device_tun_poll(struct device *d)
{
	uint32_t segments = 0;
	size_t n;

	device_refresh_mtu(d);
	do {
		n = tun_recv(d->tun, d->trains, TUN_RX_BATCH, d->tun_drops);
		for (size_t i = 0; i < n; i++) {
			segments += train_segments(&d->trains[i]);
			from_host(d, &d->trains[i]);
		}
	} while (n == TUN_RX_BATCH && segments < SEGMENTS_A_ROUND);
	counter_add(&d->counters.in_host, segments);
	count_refused(d);
	return n == TUN_RX_BATCH ? DEVICE_TUN : 0;
}
