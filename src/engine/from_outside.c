/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/path.h"

#define TCP_IP_HEADERS 40

/*
 * An address behind a client comes by that client's tunnel only.  Our own one is the source of
 * what the NAT has turned around, even where a client is the way to everything.
 */
static bool is_insiders(const struct worker *w, uint32_t src)
{
	return src != w->uplink.address &&
	       allowed_ips_find_ip4(w->table->allowed, src) != WG_NO_PEER;
}

void path_from_outside(struct worker *w, struct train *t)
{
	enum verdict v = nat_inbound(w->nat, t, w->now);
	struct route route;

	if (v != PASS) {
		path_drop(w, v, train_segments(t));
		return;
	}
	if (is_insiders(w, t->src)) {
		path_drop(w, DROP_ROUTE_MARTIAN, train_segments(t));
		return;
	}
	route = router_from_outside(w->table->router, t,
				    allowed_ips_find_ip4(w->table->allowed, t->dst));
	if (route.to != ROUTE_PEER) {
		path_drop(w, route.drop, train_segments(t));
		return;
	}
	if (t->proto == IPPROTO_NUM_TCP && t->tcp_flags & TCP_SYN && !train_is_fragment(t))
		train_clamp_mss(t, (uint16_t)(path_mtu(w, route.peer) - TCP_IP_HEADERS));
	train_set_ttl(t, (uint8_t)(t->ttl - 1));
	path_to_peer(w, route.peer, t, WG_NO_PEER);
}

/* What external_recv() and tun_recv() refused, each already in its reason. */
static void count_refused(struct worker *w, struct counter *in)
{
	for (unsigned int v = PASS + 1; v < N_VERDICTS; v++) {
		if (w->external_drops[v] == 0)
			continue;
		counter_add(in, w->external_drops[v]);
		path_drop(w, (enum verdict)v, (uint32_t)w->external_drops[v]);
		w->external_drops[v] = 0;
	}
}

unsigned int path_external_poll(struct worker *w)
{
	size_t asked = w->external_lone ? EXTERNAL_RX_BATCH : EXTERNAL_RX_TRAINS;
	size_t n = external_recv(w->external, w->trains, asked, w->external_drops);
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++) {
		struct train *t = &w->trains[i];

		counter_add(&w->counters.in_external, train_segments(t));
		counter_add(&w->counters.in_external_bytes, t->len);
		bytes += t->len;
		/* What clients say to each other by our address never comes off a wire. */
		if (t->src == w->uplink.address)
			path_drop(w, DROP_EXTERNAL_NOT_OURS, train_segments(t));
		else
			path_from_outside(w, t);
	}
	count_refused(w, &w->counters.in_external);
	if (n > 0)
		w->external_lone = bytes / n <= LONE_MAX;
	return n == asked ? WORKER_EXTERNAL : 0;
}

/* DNS over TCP is served on a port of the proxy's choice: path_to_gateway() has the other half. */
static void restore_dns_port(const struct worker *w, struct train *t)
{
	if (t->proto == IPPROTO_NUM_TCP && !train_is_fragment(t) && t->src == w->table->gateway &&
	    w->table->dns_tcp_port != 0 && t->sport == w->table->dns_tcp_port)
		train_set_sport(t, 53);
}

static void from_host(struct worker *w, struct train *t)
{
	struct route route;

	route = router_from_host(w->table->router, t,
				 allowed_ips_find_ip4(w->table->allowed, t->dst));
	if (route.to != ROUTE_PEER) {
		path_drop(w, route.drop, train_segments(t));
		return;
	}
	restore_dns_port(w, t);
	path_to_peer(w, route.peer, t, FROM_HOST);
}

/* What the proxy's listener says, as if 10.66.77.1:53 had said it. */
unsigned int path_loopback_poll(struct worker *w)
{
	size_t n = loopback_recv(w->loopback, w->trains, EXTERNAL_RX_TRAINS, w->external_drops,
				 w->now);

	for (size_t i = 0; i < n; i++) {
		struct train *t = &w->trains[i];
		uint32_t peer = allowed_ips_find_ip4(w->table->allowed, t->dst);

		counter_add(&w->counters.in_host, train_segments(t));
		if (peer == WG_NO_PEER) {
			path_drop(w, DROP_ROUTE_NO_PEER, train_segments(t));
			continue;
		}
		if (t->tcp_flags & TCP_SYN)
			train_clamp_mss(t, (uint16_t)(w->table->mtu - TCP_IP_HEADERS));
		train_set_src(t, w->table->gateway);
		restore_dns_port(w, t);
		path_to_peer(w, peer, t, FROM_HOST);
	}
	count_refused(w, &w->counters.in_host);
	return n == EXTERNAL_RX_TRAINS ? WORKER_LOOPBACK : 0;
}

unsigned int path_tun_poll(struct worker *w)
{
	size_t n = tun_recv(w->tun, w->trains, TUN_RX_BATCH, w->external_drops);

	for (size_t i = 0; i < n; i++) {
		counter_add(&w->counters.in_host, train_segments(&w->trains[i]));
		from_host(w, &w->trains[i]);
	}
	count_refused(w, &w->counters.in_host);
	return n == TUN_RX_BATCH ? WORKER_TUN : 0;
}
