/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blast - loads a gateway with trains, in either direction, faster than it can take them
 *
 *   blast up FILE SECONDS [MBIT]          as the client whose wg-quick file is FILE: sends
 *   blast down FILE SECONDS               asks the far side for a stream and counts it
 *   blast wire INTERFACE SECONDS [MBIT]   the far side, at the end of the gateway's wire
 *
 * Prints "bytes seconds": the payload that was sent, or that arrived and was genuine.
 * A measuring tool: no rekeying, so at most 100 seconds.
 */
#include "blast.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/wire.h"
#include "config/config.h"
#include "io/loop.h"
#include "io/random.h"
#include "io/udp.h"
#include "packet/checksum.h"
#include "wireguard/wireguard.h"

#define PEER        0
#define SECONDS_MAX 100

struct client {
	uint8_t private_key[WG_KEY_LEN];
	uint8_t public_key[WG_KEY_LEN]; /* the gateway's */
	uint8_t psk[WG_KEY_LEN];
	struct endpoint gateway;
	uint32_t address; /* inside the tunnel */
	struct rng rng;
	struct udp *udp[2]; /* handshakes, data */
	struct wg_tunnel *tunnel;
	struct wg_tx tx[BLAST_SEGMENTS];
	uint8_t out[65536];
};

_Noreturn void blast_fail(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- trains and pace, for both ends -------------------------------------------------- */

void blast_train_init(struct blast_train *b, uint32_t src, uint32_t dst, uint16_t sport,
		      uint16_t dport, uint8_t flags, uint32_t payload)
{
	uint16_t len = (uint16_t)(BLAST_HEAD + payload);
	uint8_t *ip = b->bytes;
	uint8_t *tcp = ip + 20;

	memset(b->bytes, 0, len);
	memcpy(ip, "\x45\0\0\0\0\0\x40\0\x40\x06", 10);
	store_be16(ip + 2, len);
	store_be32(ip + 12, src);
	store_be32(ip + 16, dst);
	store_be16(ip + 10, (uint16_t)~checksum_fold(checksum_add(0, ip, 20)));
	store_be16(tcp, sport);
	store_be16(tcp + 2, dport);
	store_be32(tcp + 4, 1);
	store_be32(tcp + 8, 1);
	tcp[12] = 0x50;
	tcp[13] = flags;
	store_be16(tcp + 14, 0xffff);
	store_be16(tcp + 16, checksum_fold(checksum_pseudo(src, dst, 6, (uint16_t)(len - 20))));
	if (train_parse(&b->train, b->bytes, len, CSUM_PARTIAL) != PASS)
		abort();
	b->train.gso_size = payload > BLAST_SEGMENT ? BLAST_SEGMENT : 0;
}

void blast_train_advance(struct blast_train *b)
{
	uint8_t *seq = b->bytes + 24;

	store_be32(seq, load_be32(seq) + train_payload_len(&b->train));
}

struct blast_pace blast_pace_start(const char *seconds, const char *mbit)
{
	unsigned long s = strtoul(seconds, NULL, 10);
	struct blast_pace p = { .start = loop_now() };

	if (s == 0 || s > SECONDS_MAX) {
		fprintf(stderr, "SECONDS: want 1..%d\n", SECONDS_MAX);
		exit(2);
	}
	p.end = p.start + s * NS_PER_S;
	p.mbit = mbit ? strtoul(mbit, NULL, 10) : 0;
	return p;
}

bool blast_pace_next(struct blast_pace *p, uint32_t bytes)
{
	uint64_t now = loop_now();
	uint64_t due;

	p->bytes += bytes;
	if (p->mbit > 0) {
		due = p->start + p->bytes * 8000 / p->mbit;
		if (due > now) {
			struct timespec wait = { .tv_sec = (time_t)((due - now) / NS_PER_S),
						 .tv_nsec = (long)((due - now) % NS_PER_S) };

			nanosleep(&wait, NULL);
		}
	}
	return now < p->end;
}

void blast_pace_print(const struct blast_pace *p)
{
	printf("%llu %.3f\n", (unsigned long long)p->bytes,
	       (double)(loop_now() - p->start) / (double)NS_PER_S);
}

/* ---- the client ---------------------------------------------------------------------- */

/* The few lines of a wg-quick file that matter here. */
static void read_file(struct client *c, const char *path)
{
	FILE *f = fopen(path, "r");
	char line[256], value[200];
	struct prefix inside;

	if (!f)
		blast_fail(path);
	while (fgets(line, sizeof(line), f)) {
		bool ok = true;

		if (sscanf(line, " PrivateKey = %199[^ ,\n]", value) == 1)
			ok = config_key_parse(value, c->private_key);
		else if (sscanf(line, " PublicKey = %199[^ ,\n]", value) == 1)
			ok = config_key_parse(value, c->public_key);
		else if (sscanf(line, " PresharedKey = %199[^ ,\n]", value) == 1)
			ok = config_key_parse(value, c->psk);
		else if (sscanf(line, " Endpoint = %199[^ ,\n]", value) == 1)
			ok = endpoint_parse(value, &c->gateway);
		else if (sscanf(line, " Address = %199[^ ,\n]", value) == 1 &&
			 prefix_parse(value, &inside))
			c->address = addr_to_ip4(&inside.addr);
		if (!ok) {
			fprintf(stderr, "%s: cannot read %s", path, line);
			exit(2);
		}
	}
	fclose(f);
}

static void send_bytes(struct client *c, const uint8_t *data, size_t len, uint32_t segment)
{
	struct udp_tx tx = {
		.data = data, .len = (uint32_t)len, .segment = segment, .to = &c->gateway
	};

	(void)udp_send(c->udp[1], &tx); /* what has no room is the load that was wanted */
}

static void wait_readable(struct client *c, int which)
{
	struct pollfd p = { .fd = udp_fd(c->udp[which]), .events = POLLIN };

	if (poll(&p, 1, 2000) <= 0) {
		fprintf(stderr, "the gateway says nothing\n");
		exit(1);
	}
}

static void connect_tunnel(struct client *c)
{
	struct udp_params params = { .workers = 1 };
	const struct addr any = { .family = ADDR_NONE };
	struct wg_handshaker *h;
	struct wg_output out;
	struct udp_rx rx;

	c->rng = rng_system();
	if (udp_open_group(&params, c->udp) < 0 || wg_tunnel_new(1, &c->rng, &c->tunnel) < 0 ||
	    wg_handshaker_new(c->private_key, 1, &c->rng, &h) < 0 ||
	    wg_handshaker_peer_set(h, PEER, c->public_key, c->psk) < 0)
		blast_fail("client");
	wg_tunnel_peer_add(c->tunnel, PEER, 0, loop_now());
	wg_tunnel_set_endpoint(c->tunnel, PEER, &c->gateway, &any);
	wg_handshaker_initiate(h, PEER, &c->gateway, &any, loop_now(), loop_wall(), &out);
	send_bytes(c, out.message, out.len, (uint32_t)out.len);
	do {
		wait_readable(c, 0);
		if (udp_recv(c->udp[0], &rx, 1) == 1)
			(void)wg_handshaker_receive(h, rx.data, rx.len, &rx.from, &rx.to, false,
						    loop_now(), &out);
	} while (out.kind != WG_SESSION);
	if (wg_tunnel_install(c->tunnel, &out.keys, loop_now()) < 0)
		blast_fail("session");
	wg_handshaker_free(h);
}

/* Cut, sealed and sent as one train of datagrams: what the gateway does the other way. */
static void send_train(struct client *c, const struct train *t)
{
	struct cut cut;
	size_t n = 0, used = 0, len;

	cut_start(&cut, t);
	while ((len = cut_next(&cut, c->out + used + WG_DATA_HEADER_LEN, BLAST_MTU)) > 0) {
		c->tx[n++] = (struct wg_tx){ .message = c->out + used, .plain_len = (uint32_t)len };
		used += wg_message_len((uint32_t)len, BLAST_MTU);
	}
	if (wg_tunnel_seal(c->tunnel, PEER, c->tx, n, BLAST_MTU, loop_now()) != PASS) {
		fprintf(stderr, "no session\n");
		exit(1);
	}
	send_bytes(c, c->out, used, c->tx[0].len);
}

static void open_connection(struct client *c, struct blast_train *b)
{
	blast_train_init(b, c->address, BLAST_SERVER, BLAST_SOURCE, BLAST_PORT, TCP_SYN, 0);
	send_train(c, &b->train);
}

static void up(struct client *c, const char *seconds, const char *mbit)
{
	static struct blast_train b;
	struct blast_pace pace;

	open_connection(c, &b);
	blast_train_init(&b, c->address, BLAST_SERVER, BLAST_SOURCE, BLAST_PORT, TCP_ACK,
			 BLAST_PAYLOAD);
	pace = blast_pace_start(seconds, mbit);
	do {
		send_train(c, &b.train);
		blast_train_advance(&b);
	} while (blast_pace_next(&pace, BLAST_PAYLOAD));
	blast_pace_print(&pace);
}

/* Return: bytes of TCP payload that are genuine. */
static uint32_t open_train(struct client *c, const struct udp_rx *rx)
{
	struct wg_rx in[BATCH_MAX];
	size_t n = 0;
	uint32_t bytes = 0;

	for (uint32_t at = 0; at < rx->len && n < BATCH_MAX; at += rx->segment) {
		uint32_t len = rx->len - at < rx->segment ? rx->len - at : rx->segment;

		in[n++] = (struct wg_rx){ rx->data + at, len, &rx->from, &rx->to, PASS, PEER };
	}
	wg_tunnel_open(c->tunnel, in, n, loop_now());
	for (size_t i = 0; i < n; i++) {
		if (in[i].verdict == PASS && in[i].len > BLAST_HEAD)
			bytes += in[i].len - BLAST_HEAD;
	}
	return bytes;
}

static void down(struct client *c, const char *seconds)
{
	static struct blast_train b;
	struct udp_rx rx[UDP_RX_BATCH];
	struct blast_pace pace;
	uint32_t bytes;

	open_connection(c, &b);
	pace = blast_pace_start(seconds, NULL);
	do {
		size_t n;

		wait_readable(c, 1);
		n = udp_recv(c->udp[1], rx, UDP_RX_BATCH);
		bytes = 0;
		for (size_t i = 0; i < n; i++)
			bytes += open_train(c, &rx[i]);
	} while (blast_pace_next(&pace, bytes));
	blast_pace_print(&pace);
}

int main(int argc, char **argv)
{
	static struct client c;
	const char *mbit = argc == 5 ? argv[4] : NULL;

	if (argc < 4 || argc > 5) {
		fprintf(stderr, "usage: blast up|down FILE | wire INTERFACE, SECONDS [MBIT]\n");
		return 2;
	}
	if (strcmp(argv[1], "wire") == 0)
		return blast_wire(argv[2], argv[3], mbit);
	read_file(&c, argv[2]);
	connect_tunnel(&c);
	if (strcmp(argv[1], "up") == 0)
		up(&c, argv[3], mbit);
	else
		down(&c, argv[3]);
	wg_tunnel_free(c.tunnel);
	udp_free(c.udp[0]);
	udp_free(c.udp[1]);
	return 0;
}
