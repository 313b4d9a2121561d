/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/path.h"

#include <string.h>

#include "base/wire.h"
#include "packet/checksum.h"
#include "packet/icmp.h"

#define DNS_PORT    53
#define IP4_HEADER  20
#define UDP_HEADER  8
#define TTL_OF_OURS 64
#define IP_DF       0x4000

void path_icmp_to_peer(struct worker *w, const struct train *about, uint32_t peer, uint8_t type,
		       uint8_t code, uint16_t mtu)
{
	struct train t;
	size_t len;

	if (!icmp_limit_take(&w->icmp, w->now))
		return;
	len = icmp_error(about, type, code, mtu, w->table->gateway, w->answer);
	if (len == 0 || train_parse(&t, w->answer, len, CSUM_VERIFIED) != PASS)
		return;
	counter_add(&w->counters.generated, 1);
	path_to_peer(w, peer, &t, WG_NO_PEER); /* whom another worker may have */
}

/*
 * To a sender outside: as a router before @peer would say it, then translated like any other.
 * The sender may be a client that used our external address.
 */
static void icmp_to_outside(struct worker *w, const struct train *about, uint32_t peer,
			    uint16_t mtu)
{
	struct train t;
	size_t len;
	enum verdict v;

	if (!icmp_limit_take(&w->icmp, w->now))
		return;
	len = icmp_error(about, ICMP_UNREACHABLE, ICMP_FRAG_NEEDED, mtu, about->dst, w->answer);
	if (len == 0 || train_parse(&t, w->answer, len, CSUM_VERIFIED) != PASS)
		return;
	counter_add(&w->counters.generated, 1);
	v = nat_outbound(w->nat, &t, peer, w->now);
	if (v == PASS && t.dst == w->uplink.address) {
		path_turn_around(w, &t, path_quoted_port(&t));
		return;
	}
	if (v == PASS)
		v = external_send(w->external, &t);
	if (v == PASS)
		counter_add(&w->counters.out_external, 1);
	else
		path_drop(w, v, 1);
}

static void icmp_to_host(struct worker *w, const struct train *about, uint16_t mtu)
{
	struct train t;
	size_t len;

	if (!w->has_adapter || !icmp_limit_take(&w->icmp, w->now))
		return;
	len = icmp_error(about, ICMP_UNREACHABLE, ICMP_FRAG_NEEDED, mtu, about->dst, w->answer);
	if (len == 0 || train_parse(&t, w->answer, len, CSUM_VERIFIED) != PASS)
		return;
	counter_add(&w->counters.generated, 1);
	path_host_deliver(w, &t, WG_NO_PEER);
}

void path_too_big(struct worker *w, const struct train *about, uint32_t client, uint32_t peer,
		  uint32_t mtu)
{
	path_drop(w, DROP_TOO_BIG, train_segments(about));
	if (client == FROM_HOST)
		icmp_to_host(w, about, (uint16_t)mtu);
	else if (client == WG_NO_PEER)
		icmp_to_outside(w, about, peer, (uint16_t)mtu);
	else
		path_icmp_to_peer(w, about, client, ICMP_UNREACHABLE, ICMP_FRAG_NEEDED,
				  (uint16_t)mtu);
}

static void deliver(struct worker *w, struct train *t, uint32_t client)
{
	uint32_t segments = train_segments(t);
	enum verdict v =
		w->tun ? tun_send(w->tun, t) : loopback_send(w->loopback, t, client, w->now);

	if (v == PASS)
		counter_add(&w->counters.out_host, segments);
	else
		path_drop(w, v, segments);
}

void path_host_deliver(struct worker *w, struct train *t, uint32_t client)
{
	if (w->tun || w->loopback)
		deliver(w, t, client);
	else
		path_cross(w, 0, POST_TRAIN_TO_HOST, WG_NO_PEER, client, t);
}

/* Ping is answered here, so that it works with and without an adapter. */
static void echo(struct worker *w, struct train *t, uint32_t peer)
{
	enum verdict v = icmp_echo_reply(t);

	if (v == PASS)
		path_to_peer(w, peer, t, peer);
	else
		path_drop(w, v, 1);
}

static bool is_echo_request(const struct train *t)
{
	return t->proto == IPPROTO_NUM_ICMP && !train_is_fragment(t) && train_l4(t)[0] == ICMP_ECHO;
}

void path_to_host(struct worker *w, struct train *t, uint32_t peer)
{
	if (is_echo_request(t)) {
		echo(w, t, peer);
		return;
	}
	if (w->has_adapter) {
		path_host_deliver(w, t, peer);
		return;
	}
	path_drop(w, DROP_ROUTE_NO_HOST, train_segments(t));
	path_icmp_to_peer(w, t, peer, ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE, 0);
}

/* A UDP query: its payload goes to the proxy's thread, the answer comes back as a message. */
static void dns_query(struct worker *w, struct train *t, uint32_t peer)
{
	struct dns_client client = {
		.peer = peer,
		.src = t->src,
		.dst = t->dst,
		.port = t->sport,
		.size_max = (uint16_t)(path_mtu(w, peer) - IP4_HEADER - UDP_HEADER),
	};
	uint32_t header = t->l4 + UDP_HEADER;
	uint32_t segment = t->gso_size ? t->gso_size : t->len - header;
	size_t len = train_linearize(t, w->scratch, sizeof(w->scratch));

	if (train_verify(t) != PASS) {
		path_drop(w, DROP_L4_CHECKSUM, train_segments(t));
		return;
	}
	for (uint32_t at = header; at < len; at += segment) {
		size_t n = len - at < segment ? len - at : segment;

		if (dns_proxy_ask(w->dns, w->number, &client, w->scratch + at, n))
			counter_add(&w->counters.consumed, 1);
		else
			path_drop(w, DROP_DNS_OVERLOAD, 1);
	}
	if (len == header)
		path_drop(w, DROP_L4_MALFORMED, 1); /* an empty query */
}

void path_to_gateway(struct worker *w, struct train *t, uint32_t peer)
{
	bool to_dns = w->dns && t->dport == DNS_PORT && !train_is_fragment(t);

	if (to_dns && t->proto == IPPROTO_NUM_UDP) {
		dns_query(w, t, peer);
		return;
	}
	if (to_dns && t->proto == IPPROTO_NUM_TCP && w->table->dns_tcp_port != 0) {
		train_set_dport(t, w->table->dns_tcp_port);
		if (!w->has_adapter) {
			train_set_dst(t, LOOPBACK_LISTENER);
			path_host_deliver(w, t, peer);
			return;
		}
	}
	path_to_host(w, t, peer);
}

/* One answer as an IPv4 packet; the proxy has cut it to fit the tunnel. */
static void dns_answer(struct worker *w, const struct dns_client *client, const uint8_t *answer,
		       size_t len)
{
	uint8_t *ip = w->answer;
	uint8_t *udp = ip + IP4_HEADER;
	uint16_t udp_len = (uint16_t)(UDP_HEADER + len);
	uint16_t sum;

	counter_add(&w->counters.generated, 1);
	if (IP4_HEADER + UDP_HEADER + len > sizeof(w->answer) ||
	    IP4_HEADER + UDP_HEADER + len > w->table->mtu) {
		path_drop(w, DROP_TOO_BIG, 1);
		return;
	}
	memset(ip, 0, IP4_HEADER);
	ip[0] = 0x45;
	store_be16(ip + 2, (uint16_t)(IP4_HEADER + udp_len));
	store_be16(ip + 6, IP_DF);
	ip[8] = TTL_OF_OURS;
	ip[9] = IPPROTO_NUM_UDP;
	store_be32(ip + 12, client->dst);
	store_be32(ip + 16, client->src);
	store_be16(ip + 10, (uint16_t)~checksum_fold(checksum_add(0, ip, IP4_HEADER)));
	store_be16(udp, DNS_PORT);
	store_be16(udp + 2, client->port);
	store_be16(udp + 4, udp_len);
	store_be16(udp + 6, 0);
	memcpy(udp + UDP_HEADER, answer, len);
	sum = (uint16_t)~checksum_fold(checksum_add(
		checksum_pseudo(client->dst, client->src, IPPROTO_NUM_UDP, udp_len), udp, udp_len));
	store_be16(udp + 6, sum ? sum : 0xffff);
	path_packet_to_peer(w, client->peer, ip, IP4_HEADER + (size_t)udp_len);
}

void path_dns_answers(struct worker *w)
{
	struct dns_client client;
	const uint8_t *answer;
	size_t len;

	while (w->dns && (answer = dns_proxy_answer(w->dns, w->number, &client, &len))) {
		/* The peer may be gone, and its number given to another, since it asked. */
		if (allowed_ips_find_ip4(w->table->allowed, client.src) == client.peer)
			dns_answer(w, &client, answer, len);
		dns_proxy_answer_done(w->dns, w->number);
	}
}
