/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/dns_proxy.h"
#include "io/loop.h"
#include "io/ports.h"
#include "io/tun.h"
#include "wireguard/wireguard.h"

struct wire_queue wire_tunnel_out;
struct wire_queue wire_external_out;
struct wire_queue wire_host_out;
unsigned int wire_tunnel_fails;
unsigned int wire_external_fails;
unsigned int wire_host_fails;
unsigned int wire_filter_fails;
bool wire_dns_full;
struct external_ports wire_filter;
unsigned int wire_blocks = WIRE_BLOCKS_MAX;

void wire_reset(void)
{
	wire_tunnel_out.n = 0;
	wire_external_out.n = 0;
	wire_host_out.n = 0;
	wire_tunnel_fails = 0;
	wire_external_fails = 0;
	wire_host_fails = 0;
	wire_filter_fails = 0;
	wire_dns_full = false;
	wire_blocks = WIRE_BLOCKS_MAX;
}

static bool fails(unsigned int *n)
{
	if (*n == 0)
		return false;
	--*n;
	return true;
}

/* One lock for all: a wire need not be fast. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void wire_put(struct wire_queue *q, const struct wire_packet *p)
{
	pthread_mutex_lock(&lock);
	if (q->n == WIRE_QUEUE) {
		fprintf(stderr, "replay: more than %d packets in one step\n", WIRE_QUEUE);
		exit(1);
	}
	q->packets[(q->first + q->n++) % WIRE_QUEUE] = *p;
	if (q->fd > 0)
		waker_wake(q->fd);
	pthread_mutex_unlock(&lock);
}

bool wire_take(struct wire_queue *q, struct wire_packet *ret)
{
	bool have;

	pthread_mutex_lock(&lock);
	have = q->n > 0;
	if (have) {
		*ret = q->packets[q->first];
		q->first = (q->first + 1) % WIRE_QUEUE;
		q->n--;
	} else if (q->fd > 0) {
		waker_clear(q->fd);
	}
	pthread_mutex_unlock(&lock);
	return have;
}

/* What tun_recv() and external_recv() share: the packets that are there, parsed. */
static size_t recv_trains(struct wire_queue *q, struct wire_packet *taken, struct train *t,
			  size_t n, uint64_t *drops)
{
	size_t got = 0;

	while (got < n && wire_take(q, &taken[got])) {
		enum verdict v =
			train_parse(&t[got], taken[got].data, taken[got].len, CSUM_UNCHECKED);

		if (v == PASS)
			got++;
		else
			drops[v]++;
	}
	return got;
}

/* And tun_send() and external_send(): each segment is a packet of its own. */
static void send_train(struct wire_queue *q, const struct train *t)
{
	struct wire_packet p = { .len = 0 };
	struct cut cut;

	cut_start(&cut, t);
	while ((p.len = cut_next(&cut, p.data, sizeof(p.data))) > 0)
		wire_put(q, &p);
}

/* ---- io/udp.h ------------------------------------------------------------- */

struct udp {
	uint16_t port;
	struct wire_queue in;
	struct wire_packet taken[UDP_RX_BATCH];
};

int udp_open_group(const struct udp_params *params, struct udp **ret)
{
	for (unsigned int i = 0; i <= params->workers; i++) {
		ret[i] = calloc(1, sizeof(*ret[i]));
		ret[i]->port = params->port;
		ret[i]->in.fd = waker_new();
	}
	return 0;
}

struct udp *udp_free(struct udp *udp)
{
	if (udp)
		close(udp->in.fd);
	free(udp);
	return NULL;
}

int udp_fd(const struct udp *udp)
{
	return udp->in.fd;
}

uint16_t udp_port(const struct udp *udp)
{
	return udp->port;
}

size_t udp_recv(struct udp *udp, struct udp_rx *rx, size_t n)
{
	size_t got = 0;

	while (got < n && wire_take(&udp->in, &udp->taken[got])) {
		struct wire_packet *p = &udp->taken[got];

		rx[got++] = (struct udp_rx){
			.data = p->data,
			.len = (uint32_t)p->len,
			.segment = (uint32_t)p->len,
			.from = p->from,
			.to = p->to.addr,
			.tos = p->tos,
		};
	}
	return got;
}

int udp_send(struct udp *udp, const struct udp_tx *tx)
{
	(void)udp;
	if (fails(&wire_tunnel_fails))
		return -ENETUNREACH;
	for (uint32_t at = 0; at < tx->len; at += tx->segment) {
		struct wire_packet p = { .to = *tx->to, .tos = tx->tos };

		p.len = tx->len - at < tx->segment ? tx->len - at : tx->segment;
		memcpy(p.data, tx->data + at, p.len);
		wire_put(&wire_tunnel_out, &p);
	}
	return 0;
}

void wire_tunnel_in(struct udp **group, unsigned int workers, const struct wire_packet *p)
{
	unsigned int member = 0;

	if (wg_message_type(p->data, p->len) == WG_DATA)
		member = 1 + wg_receiver_index(p->data) % WG_SLOTS % workers;
	wire_put(&group[member]->in, p);
}

/* ---- io/external.h ------------------------------------------------------------ */

struct external {
	struct wire_queue in;
	struct wire_packet taken[EXTERNAL_RX_BATCH];
};

static struct external *opened_last;

struct external *wire_external_last(void)
{
	return opened_last;
}

int external_open_group(const struct uplink *uplink, unsigned int workers, struct external **ret)
{
	(void)uplink;
	for (unsigned int i = 0; i < workers; i++) {
		ret[i] = calloc(1, sizeof(*ret[i]));
		ret[i]->in.fd = waker_new();
	}
	opened_last = ret[0];
	return 0;
}

struct external *external_free(struct external *ext)
{
	if (ext)
		close(ext->in.fd);
	free(ext);
	return NULL;
}

int external_fd(const struct external *ext)
{
	return ext->in.fd;
}

void external_set_uplink(struct external *ext, const struct uplink *uplink)
{
	(void)ext;
	(void)uplink;
}

int external_set_ports(struct external **group, unsigned int workers,
		       const struct external_ports *ports)
{
	(void)group;
	(void)workers;
	if (fails(&wire_filter_fails))
		return -EPERM;
	wire_filter = *ports;
	return 0;
}

size_t external_recv(struct external *ext, struct train *t, size_t n, uint64_t *drops)
{
	return recv_trains(&ext->in, ext->taken, t, n, drops);
}

enum verdict external_send(struct external *ext, const struct train *t)
{
	(void)ext;
	if (fails(&wire_external_fails))
		return DROP_EXTERNAL_SEND;
	send_train(&wire_external_out, t);
	return PASS;
}

const char *external_offload(const struct external *ext)
{
	(void)ext;
	return "packets";
}

void wire_external_in(struct external *ext, const uint8_t *packet, size_t len)
{
	struct wire_packet p = { .len = len };

	memcpy(p.data, packet, len);
	wire_put(&ext->in, &p);
}

/* ---- io/tun.h --------------------------------------------------------------------- */

struct tun {
	struct wire_queue in;
	struct wire_packet taken[TUN_RX_BATCH];
};

struct tun *wire_tun_new(void)
{
	struct tun *tun = calloc(1, sizeof(*tun));

	tun->in.fd = waker_new();
	return tun;
}

struct tun *tun_free(struct tun *tun)
{
	if (tun)
		close(tun->in.fd);
	free(tun);
	return NULL;
}

int tun_fd(const struct tun *tun)
{
	return tun->in.fd;
}

size_t tun_recv(struct tun *tun, struct train *t, size_t n, uint64_t *drops)
{
	return recv_trains(&tun->in, tun->taken, t, n, drops);
}

enum verdict tun_send(struct tun *tun, const struct train *t)
{
	(void)tun;
	if (fails(&wire_host_fails))
		return DROP_HOST_SEND;
	send_train(&wire_host_out, t);
	return PASS;
}

void wire_host_in(struct tun *tun, const uint8_t *packet, size_t len)
{
	struct wire_packet p = { .len = len };

	memcpy(p.data, packet, len);
	wire_put(&tun->in, &p);
}

/* ---- io/ports.h: no host has any of these ------------------------------------------- */

struct ports {
	bool leased[N_PORT_PROTOCOLS][1024];
};

int ports_new(uint32_t addr, int ifindex, uint16_t avoid, struct rng *rng, struct ports **ret)
{
	(void)addr;
	(void)ifindex;
	(void)avoid;
	(void)rng;
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

struct ports *ports_free(struct ports *p)
{
	free(p);
	return NULL;
}

int ports_lease(struct ports *p, enum port_protocol protocol, unsigned int worker,
		unsigned int workers, uint16_t *ret_first)
{
	unsigned int have = 0;

	for (unsigned int block = 16; block < 1024 && have < wire_blocks; block++) {
		if (external_worker((uint16_t)(block * PORT_BLOCK), workers) != worker)
			continue;
		have++;
		if (p->leased[protocol][block])
			continue;
		p->leased[protocol][block] = true;
		*ret_first = (uint16_t)(block * PORT_BLOCK);
		return 0;
	}
	return -ENOSPC;
}

void ports_release(struct ports *p, enum port_protocol protocol, uint16_t first)
{
	p->leased[protocol][first / PORT_BLOCK] = false;
}

struct ports_counts ports_counts(const struct ports *p, enum port_protocol protocol)
{
	struct ports_counts counts = { .leasable = 1008 * PORT_BLOCK };

	for (unsigned int block = 0; block < 1024; block++)
		counts.leased += p->leased[protocol][block] ? PORT_BLOCK : 0;
	return counts;
}

const char *ports_guard(const struct ports *p, enum port_protocol protocol)
{
	(void)p;
	(void)protocol;
	return "none";
}

void external_set_offload(struct external *ext, bool on)
{
	(void)ext;
	(void)on;
}

/* ---- engine/dns_proxy.h: one question at a time ------------------------------------------ */

struct dns_proxy {
	bool waits;
	unsigned int worker;
	struct dns_client client;
	size_t len;
	uint8_t query[2048];
};

struct dns_proxy *wire_dns_new(void)
{
	return calloc(1, sizeof(struct dns_proxy));
}

struct dns_proxy *wire_dns_free(struct dns_proxy *p)
{
	free(p);
	return NULL;
}

bool dns_proxy_ask(struct dns_proxy *p, unsigned int worker, const struct dns_client *client,
		   const uint8_t *query, size_t len)
{
	if (wire_dns_full || p->waits || len > sizeof(p->query))
		return false;
	p->waits = true;
	p->worker = worker;
	p->client = *client;
	p->len = len;
	memcpy(p->query, query, len);
	return true;
}

const uint8_t *dns_proxy_answer(struct dns_proxy *p, unsigned int worker, struct dns_client *client,
				size_t *len)
{
	if (!p->waits || p->worker != worker)
		return NULL;
	*client = p->client;
	*len = p->len;
	return p->query;
}

void dns_proxy_answer_done(struct dns_proxy *p, unsigned int worker)
{
	(void)worker;
	p->waits = false;
}

uint32_t udp_path_mtu(const struct endpoint *to)
{
	(void)to;
	return 0;
}
