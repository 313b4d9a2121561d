/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire_net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wireguard/wireguard.h"

#define SOCKETS_MAX  16
#define STREAMS_MAX  64
#define RX_MAX       64
#define HELPER       0x0a090909u
#define HELPER_PORTS 40000u

struct net net;

/* On its way. */
struct flying {
	uint64_t arrives;
	struct endpoint from, to;
	uint8_t tos;
	uint32_t len;
	uint8_t *bytes;
};

static struct flying sky[NET_PACKETS];
static size_t n_flying;
static struct udp *sockets[SOCKETS_MAX];
static struct stream *streams[STREAMS_MAX];
static unsigned int streams_made;

static void note_initiation(int way, const uint8_t *bytes, uint32_t len)
{
	if (wg_message_type(bytes, len) != WG_INITIATION)
		return;
	*(way ? &net.initiations_stream : &net.initiations_udp) += 1;
	if (net.initiated[way] != 0 && net.now - net.initiated[way] < net.least_gap[way])
		net.least_gap[way] = net.now - net.initiated[way];
	net.initiated[way] = net.now;
}

static void fly(const struct endpoint *from, const struct endpoint *to, uint8_t tos,
		const uint8_t *bytes, uint32_t len)
{
	struct flying *f = &sky[n_flying];

	if (n_flying == NET_PACKETS)
		abort();
	n_flying++;
	*f = (struct flying){ net.now + NET_DELAY, *from, *to, tos, len, malloc(len) };
	memcpy(f->bytes, bytes, len);
}

/* ---- io/udp.h ------------------------------------------------------------- */

struct udp {
	uint32_t host;
	uint16_t port;
	uint32_t fwmark;
	struct flying in[RX_MAX];
	size_t n;
	struct flying taken[RX_MAX];
	size_t n_taken;
};

static struct udp *find_socket(const struct endpoint *at)
{
	for (int i = 0; i < SOCKETS_MAX; i++) {
		if (sockets[i] && sockets[i]->port == at->port &&
		    sockets[i]->host == addr_to_ip4(&at->addr))
			return sockets[i];
	}
	return NULL;
}

int udp_open_group(const struct udp_params *params, struct udp **ret)
{
	struct endpoint at = { .addr = addr_ip4(net.host), .port = params->port };
	static uint16_t chosen = 50000;
	int r = net.refuse_port;

	net.refuse_port = 0;
	if (r < 0)
		return r;
	if (at.port == 0)
		at.port = chosen++;
	if (find_socket(&at))
		return -EADDRINUSE;
	for (int i = 0; i < SOCKETS_MAX; i++) {
		if (sockets[i])
			continue;
		*ret = sockets[i] = calloc(1, sizeof(struct udp));
		sockets[i]->host = net.host;
		sockets[i]->port = at.port;
		sockets[i]->fwmark = params->fwmark;
		return 0;
	}
	return -EMFILE;
}

static void drop_all(struct flying *f, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		free(f[i].bytes);
	*n = 0;
}

struct udp *udp_free(struct udp *udp)
{
	if (!udp)
		return NULL;
	for (int i = 0; i < SOCKETS_MAX; i++) {
		if (sockets[i] == udp)
			sockets[i] = NULL;
	}
	drop_all(udp->in, &udp->n);
	drop_all(udp->taken, &udp->n_taken);
	free(udp);
	return NULL;
}

int udp_fd(const struct udp *udp)
{
	(void)udp;
	return -1;
}

uint16_t udp_port(const struct udp *udp)
{
	return udp->port;
}

int udp_set_fwmark(struct udp *udp, uint32_t fwmark)
{
	udp->fwmark = fwmark;
	return 0;
}

size_t udp_recv(struct udp *udp, struct udp_rx *rx, size_t n)
{
	drop_all(udp->taken, &udp->n_taken);
	if (n > udp->n)
		n = udp->n;
	memcpy(udp->taken, udp->in, n * sizeof(*udp->in));
	udp->n_taken = n;
	udp->n -= n;
	memmove(udp->in, udp->in + n, udp->n * sizeof(*udp->in));
	for (size_t i = 0; i < n; i++) {
		const struct flying *f = &udp->taken[i];

		rx[i] = (struct udp_rx){ .data = f->bytes,
					 .len = f->len,
					 .segment = f->len,
					 .from = f->from,
					 .to = f->to.addr,
					 .tos = f->tos };
	}
	return n;
}

int udp_send(struct udp *udp, const struct udp_tx *tx)
{
	struct endpoint from = { .addr = addr_ip4(udp->host), .port = udp->port };
	bool helper = addr_to_ip4(&tx->to->addr) == HELPER;
	uint32_t to = addr_to_ip4(&tx->to->addr);

	if (net.path_mtu != 0 && !helper && tx->segment + 28 > net.path_mtu)
		return -EMSGSIZE;
	for (uint32_t at = 0; at < tx->len; at += tx->segment) {
		uint32_t len = tx->len - at < tx->segment ? tx->len - at : tx->segment;

		if (!helper) {
			net.sent_udp++;
			note_initiation(0, tx->data + at, len);
			if (net.lose_initiations > 0 &&
			    wg_message_type(tx->data + at, len) == WG_INITIATION) {
				net.lose_initiations--;
				continue;
			}
			if (net.udp_dead || (net.dead_to != 0 && net.dead_to == to) ||
			    rng_below(&net.chance, 100) < net.loss)
				continue;
		}
		fly(&from, tx->to, tx->tos, tx->data + at, len);
		if (helper)
			sky[n_flying - 1].arrives += NET_DELAY; /* a detour */
	}
	return 0;
}

uint32_t udp_path_mtu(const struct endpoint *to)
{
	(void)to;
	return net.path_mtu;
}

/* ---- io/stream.h ------------------------------------------------------------- */

struct stream {
	struct endpoint remote;
	struct endpoint helper; /* as whom the helper speaks */
	uint64_t opens;
	bool closed;
	bool dead; /* and does not know it */
	const char *error;
	struct flying in[RX_MAX];
	size_t n;
	struct flying taken[RX_MAX];
	size_t n_taken;
};

int stream_connect(const struct endpoint *to, struct stream_tls *tls, uint64_t now,
		   struct stream **ret)
{
	(void)tls;
	net.connects++;
	for (int i = 0; i < STREAMS_MAX; i++) {
		struct stream *s = streams[i];

		if (s)
			continue;
		s = streams[i] = calloc(1, sizeof(*s));
		s->remote = *to;
		s->helper = (struct endpoint){
			.addr = addr_ip4(HELPER),
			.port = (uint16_t)(HELPER_PORTS + streams_made++),
		};
		s->opens = net.tcp == NET_TCP_SILENT ? NEVER : now + 2 * NET_DELAY;
		s->error = "";
		if (net.tcp == NET_TCP_REFUSED) {
			s->closed = true;
			s->error = "connection refused";
		}
		*ret = s;
		return 0;
	}
	return -EMFILE;
}

struct stream *stream_free(struct stream *s)
{
	for (int i = 0; i < STREAMS_MAX; i++) {
		if (streams[i] == s)
			streams[i] = NULL;
	}
	drop_all(s->in, &s->n);
	drop_all(s->taken, &s->n_taken);
	free(s);
	return NULL;
}

int stream_fd(const struct stream *s)
{
	(void)s;
	return -1;
}

struct addr stream_local(const struct stream *s)
{
	(void)s;
	return addr_ip4(net.host);
}

unsigned int stream_interest(const struct stream *s)
{
	(void)s;
	return 1;
}

enum stream_state stream_run(struct stream *s, uint64_t now)
{
	if (s->closed)
		return STREAM_CLOSED;
	return now >= s->opens ? STREAM_OPEN : STREAM_CONNECTING;
}

const char *stream_error(const struct stream *s)
{
	return s->error;
}

uint64_t stream_next_deadline(const struct stream *s)
{
	if (s->closed)
		return net.now;
	return net.now < s->opens ? s->opens : NEVER;
}

bool stream_unread(const struct stream *s)
{
	return s->n > 0;
}

size_t stream_recv(struct stream *s, struct stream_rx *rx, size_t n)
{
	drop_all(s->taken, &s->n_taken);
	if (net.empty > 0 && n > 0) {
		net.empty--;
		rx[0] = (struct stream_rx){ .len = 0 };
		return 1;
	}
	if (net.stream_at_once > 0 && n > net.stream_at_once)
		n = net.stream_at_once;
	if (n > s->n)
		n = s->n;
	memcpy(s->taken, s->in, n * sizeof(*s->in));
	s->n_taken = n;
	s->n -= n;
	memmove(s->in, s->in + n, s->n * sizeof(*s->in));
	for (size_t i = 0; i < n; i++)
		rx[i] = (struct stream_rx){ s->taken[i].bytes, s->taken[i].len, s->taken[i].len };
	return n;
}

int stream_send(struct stream *s, const uint8_t *data, uint32_t len, uint32_t segment, uint64_t now)
{
	if (stream_run(s, now) != STREAM_OPEN)
		return -ENOTCONN;
	for (uint32_t at = 0; at < len; at += segment) {
		uint32_t one = len - at < segment ? len - at : segment;
		struct endpoint to = { .addr = s->remote.addr, .port = net.helped_port };

		net.sent_stream++;
		note_initiation(1, data + at, one);
		if (!s->dead)
			fly(&s->helper, &to, 0, data + at, one);
	}
	return 0;
}

uint32_t stream_stale(struct stream *s)
{
	uint32_t n = net.stale;

	(void)s;
	net.stale = 0;
	return n;
}

void net_streams_break(void)
{
	for (int i = 0; i < STREAMS_MAX; i++) {
		if (streams[i]) {
			streams[i]->closed = true;
			streams[i]->error = "connection reset";
		}
	}
}

void net_streams_kill(void)
{
	for (int i = 0; i < STREAMS_MAX; i++) {
		if (streams[i])
			streams[i]->dead = true;
	}
}

/* ---- io/tun.h ------------------------------------------------------------------- */

struct packet {
	uint32_t len;
	uint8_t *bytes;
};

struct tun {
	uint32_t mtu;
	struct packet in[NET_KEPT], out[NET_KEPT];
	size_t n_in, n_out;
	struct packet taken[TUN_RX_BATCH];
};

struct tun *net_tun_new(uint32_t mtu)
{
	struct tun *tun = calloc(1, sizeof(*tun));

	tun->mtu = mtu;
	return tun;
}

static void put(struct packet *q, size_t *n, const uint8_t *packet, size_t len)
{
	if (*n == NET_KEPT)
		abort();
	q[*n] = (struct packet){ (uint32_t)len, malloc(len) };
	memcpy(q[(*n)++].bytes, packet, len);
}

static struct packet take(struct packet *q, size_t *n)
{
	struct packet p = { 0, NULL };

	if (*n == 0)
		return p;
	p = q[0];
	--*n;
	memmove(q, q + 1, *n * sizeof(*q));
	return p;
}

void net_tun_put(struct tun *tun, const uint8_t *packet, size_t len)
{
	put(tun->in, &tun->n_in, packet, len);
}

size_t net_tun_take(struct tun *tun, uint8_t out[static 65536])
{
	struct packet p = take(tun->out, &tun->n_out);

	if (p.bytes)
		memcpy(out, p.bytes, p.len);
	free(p.bytes);
	return p.len;
}

struct tun *tun_free(struct tun *tun)
{
	if (!tun)
		return NULL;
	for (size_t i = 0; i < tun->n_in; i++)
		free(tun->in[i].bytes);
	for (size_t i = 0; i < tun->n_out; i++)
		free(tun->out[i].bytes);
	for (size_t i = 0; i < TUN_RX_BATCH; i++)
		free(tun->taken[i].bytes);
	free(tun);
	return NULL;
}

int tun_fd(const struct tun *tun)
{
	(void)tun;
	return -1;
}

uint32_t tun_mtu(struct tun *tun)
{
	return tun->mtu;
}

bool tun_gone(const struct tun *tun)
{
	(void)tun;
	return false;
}

size_t tun_recv(struct tun *tun, struct train *t, size_t n, uint64_t *drops)
{
	size_t got = 0;

	for (size_t i = 0; i < TUN_RX_BATCH; i++) {
		free(tun->taken[i].bytes);
		tun->taken[i].bytes = NULL;
	}
	while (got < n && tun->n_in > 0) {
		struct packet p = take(tun->in, &tun->n_in);
		enum verdict v = train_parse_any(&t[got], p.bytes, p.len, CSUM_UNCHECKED);

		if (v == PASS) {
			tun->taken[got++] = p;
			continue;
		}
		drops[v]++;
		free(p.bytes);
	}
	return got;
}

enum verdict tun_send(struct tun *tun, const struct train *t)
{
	static uint8_t packet[65536];
	struct cut cut;
	size_t len;

	cut_start(&cut, t);
	while ((len = cut_next(&cut, packet, sizeof(packet))) > 0)
		put(tun->out, &tun->n_out, packet, len);
	return PASS;
}

enum verdict tun_send_raw(struct tun *tun, const uint8_t *packet, size_t len)
{
	put(tun->out, &tun->n_out, packet, len);
	return PASS;
}

/* ---- the network ------------------------------------------------------------------ */

void net_reset(void)
{
	for (size_t i = 0; i < n_flying; i++)
		free(sky[i].bytes);
	n_flying = 0;
	net = (struct net){
		.now = 1000 * NS_PER_S,
		.chance = rng_seeded(7),
		.least_gap = { NEVER, NEVER },
	};
}

/* To a socket, or through the helper to the stream that it speaks for. */
static void arrive(struct flying *f)
{
	struct udp *udp = find_socket(&f->to);

	if (udp && udp->n < RX_MAX) {
		udp->in[udp->n++] = *f;
		return;
	}
	for (int i = 0; i < STREAMS_MAX; i++) {
		struct stream *s = streams[i];

		if (s && !s->closed && !s->dead && endpoint_equal(&s->helper, &f->to) &&
		    s->n < RX_MAX) {
			s->in[s->n++] = *f;
			return;
		}
	}
	free(f->bytes);
}

uint64_t net_deliver(void)
{
	uint64_t next = NEVER;
	size_t kept = 0;

	for (size_t i = 0; i < n_flying; i++) {
		if (sky[i].arrives <= net.now) {
			arrive(&sky[i]);
			continue;
		}
		next = earlier(next, sky[i].arrives);
		sky[kept++] = sky[i];
	}
	n_flying = kept;
	return next;
}
