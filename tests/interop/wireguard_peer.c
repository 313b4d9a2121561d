/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wireguard_peer.c - the protocol core on a plain UDP socket, to meet other implementations
 *
 * usage: wireguard_peer PRIVATE PEER-PUBLIC PSK PORT PEER-PORT ping|pong COUNT [load]
 *
 * Keys are hexadecimal, both ends are on 127.0.0.1.  As "ping" it initiates and sends an
 * ICMP echo from 10.66.77.1 to 10.66.77.2 every 100 ms; as "pong" it waits and answers
 * echoes.  Exits with 0 after COUNT echoes have been answered, with 1 after 30 s.  With
 * "load" it claims to be under load, so that the other side has to earn a cookie.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../vectors/hex.h"
#include "base/wire.h"
#include "wireguard/wireguard.h"

#define MTU       1420
#define ECHO_LEN  1000
#define PING_EACH (100 * NS_PER_MS)
#define PEER      7

struct program {
	int fd;
	struct wg_handshaker *h;
	struct wg_tunnel *t;
	struct endpoint peer;
	struct addr self;
	bool ping;
	bool load;
	bool initiator;
	unsigned int answered;
};

static void system_fill(struct rng *rng, void *out, size_t len)
{
	(void)rng;
	if (getrandom(out, len, 0) != (ssize_t)len)
		abort();
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void udp_out(const struct program *p, const uint8_t *data, size_t len)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(p->peer.port) };

	memcpy(&to.sin_addr, p->peer.addr.bytes, 4);
	if (sendto(p->fd, data, len, 0, (const struct sockaddr *)&to, sizeof(to)) < 0)
		perror("sendto");
}

static void output(struct program *p, const struct wg_output *out, uint64_t now)
{
	if (out->kind == WG_SESSION) {
		p->initiator = out->keys.initiator;
		if (wg_tunnel_install(p->t, &out->keys, now) < 0)
			abort();
		wg_tunnel_set_endpoint(p->t, out->peer, &out->to, &out->from);
	}
	if (out->len > 0)
		udp_out(p, out->message, out->len);
}

static bool tunnel_out(struct program *p, uint8_t *message, uint32_t len, uint64_t now)
{
	struct wg_tx tx = { .message = message, .plain_len = len };

	if (wg_tunnel_seal(p->t, PEER, &tx, 1, MTU, now) != PASS)
		return false;
	udp_out(p, message, tx.len);
	return true;
}

static uint16_t sum(const uint8_t *data, size_t len)
{
	uint32_t v = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		v += load_be16(data + i);
	v = (v & 0xffff) + (v >> 16);
	return (uint16_t) ~(v + (v >> 16));
}

static void send_ping(struct program *p, uint64_t now)
{
	uint8_t message[WG_DATA_HEADER_LEN + ECHO_LEN + 64] = { 0 };
	uint8_t *ip = message + WG_DATA_HEADER_LEN;

	ip[0] = 0x45;
	store_be16(ip + 2, ECHO_LEN);
	ip[8] = 64;
	ip[9] = 1;
	store_be32(ip + 12, 0x0a424d01);
	store_be32(ip + 16, 0x0a424d02);
	store_be16(ip + 10, sum(ip, 20));
	ip[20] = 8;
	store_be16(ip + 22, sum(ip + 20, ECHO_LEN - 20));
	(void)tunnel_out(p, message, ECHO_LEN, now);
}

/* An inner packet: an echo is turned round, an echo's reply is counted. */
static void packet_in(struct program *p, const uint8_t *ip, uint32_t len, uint64_t now)
{
	uint8_t message[WG_DATA_HEADER_LEN + 2048] = { 0 };
	uint8_t *back = message + WG_DATA_HEADER_LEN;
	uint32_t total = load_be16(ip + 2);

	if (len < 28 || ip[0] != 0x45 || ip[9] != 1 || total > len || total > MTU)
		return;
	if (p->ping && ip[20] == 0)
		p->answered++;
	if (p->ping || ip[20] != 8)
		return;
	memcpy(back, ip, total);
	memcpy(back + 12, ip + 16, 4);
	memcpy(back + 16, ip + 12, 4);
	back[20] = 0;
	store_be16(back + 22, 0);
	store_be16(back + 22, sum(back + 20, total - 20));
	if (tunnel_out(p, message, total, now))
		p->answered++;
}

static void udp_in(struct program *p, uint8_t *data, size_t len, uint64_t now)
{
	struct wg_rx rx = { .data = data, .len = (uint32_t)len, .from = &p->peer, .to = &p->self };
	struct wg_output out;
	enum verdict v;

	if (wg_message_type(data, len) == WG_DATA) {
		wg_tunnel_open(p->t, &rx, 1, now);
		v = rx.verdict;
		if (v == PASS && rx.len > 0)
			packet_in(p, rx.data, rx.len, now);
	} else {
		v = wg_handshaker_receive(p->h, data, len, &p->peer, &p->self, p->load, now, &out);
		output(p, &out, now);
	}
	if (v != PASS)
		printf("%s\n", drop_name(v));
}

static void events(struct program *p, uint64_t now)
{
	uint8_t keepalive[WG_DATA_OVERHEAD];
	struct wg_event event;
	struct wg_output out;

	while (wg_tunnel_next_event(p->t, &event)) {
		if (event.kinds & WG_EVENT_HANDSHAKE) {
			wg_handshaker_initiate(p->h, PEER, &p->peer, &p->self, now,
					       clock_ns(CLOCK_REALTIME), &out);
			output(p, &out, now);
		}
		if (event.kinds & WG_EVENT_KEEPALIVE ||
		    (event.kinds & WG_EVENT_READY && p->initiator))
			(void)tunnel_out(p, keepalive, 0, now);
	}
}

static void deadlines(struct program *p, uint64_t now)
{
	struct wg_output out;

	wg_tunnel_on_deadline(p->t, now);
	do {
		wg_handshaker_on_deadline(p->h, now, clock_ns(CLOCK_REALTIME), &out);
		output(p, &out, now);
	} while (out.kind != WG_NOTHING);
}

static int run(struct program *p, unsigned int count)
{
	uint64_t until = clock_ns(CLOCK_MONOTONIC) + 30 * NS_PER_S;
	uint64_t next_ping = 0;
	uint64_t now;

	while ((now = clock_ns(CLOCK_MONOTONIC)) < until && p->answered < count) {
		struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
		uint8_t data[2048];
		ssize_t n;

		if (p->ping && now >= next_ping) {
			send_ping(p, now);
			next_ping = now + PING_EACH;
		}
		deadlines(p, now);
		events(p, now);
		if (poll(&pfd, 1, 10) <= 0)
			continue;
		n = recv(p->fd, data, sizeof(data), 0);
		if (n > 0)
			udp_in(p, data, (size_t)n, clock_ns(CLOCK_MONOTONIC));
	}
	printf("%u echoes answered\n", p->answered);
	return p->answered >= count ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	struct rng rng = { .fill = system_fill };
	struct program p = { .peer = { .addr = addr_ip4(0x7f000001) } };
	uint8_t keys[3][WG_KEY_LEN];

	if (argc < 8)
		return 2;
	for (int i = 0; i < 3; i++)
		(void)hex_bytes(argv[1 + i], keys[i], WG_KEY_LEN);
	p.self = p.peer.addr;
	p.peer.port = (uint16_t)atoi(argv[5]);
	p.ping = strcmp(argv[6], "ping") == 0;
	p.load = argc > 8;
	p.fd = socket(AF_INET, SOCK_DGRAM, 0);
	at.sin_port = htons((uint16_t)atoi(argv[4]));
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (p.fd < 0 || bind(p.fd, (const struct sockaddr *)&at, sizeof(at)) < 0) {
		perror("bind");
		return 2;
	}
	if (wg_handshaker_new(keys[0], 16, &rng, &p.h) < 0 || wg_tunnel_new(16, &rng, &p.t) < 0 ||
	    wg_handshaker_peer_set(p.h, PEER, keys[1], keys[2]) < 0)
		return 2;
	wg_tunnel_peer_add(p.t, PEER, 0, clock_ns(CLOCK_MONOTONIC));
	wg_tunnel_set_endpoint(p.t, PEER, &p.peer, &p.self);
	return run(&p, (unsigned int)atoi(argv[7]));
}
