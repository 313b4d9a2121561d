/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/tun.h"
#include "wireguard/wireguard.h"

struct wire_queue wire_tunnel_out;
struct wire_queue wire_external_out;

void wire_put(struct wire_queue *q, const struct wire_packet *p)
{
	if (q->n == WIRE_QUEUE) {
		fprintf(stderr, "replay: more than %d packets in one step\n", WIRE_QUEUE);
		exit(1);
	}
	q->packets[(q->first + q->n++) % WIRE_QUEUE] = *p;
}

bool wire_take(struct wire_queue *q, struct wire_packet *ret)
{
	if (q->n == 0)
		return false;
	*ret = q->packets[q->first];
	q->first = (q->first + 1) % WIRE_QUEUE;
	q->n--;
	return true;
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
	}
	return 0;
}

struct udp *udp_free(struct udp *udp)
{
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
		};
	}
	return got;
}

int udp_send(struct udp *udp, const struct udp_tx *tx)
{
	(void)udp;
	for (uint32_t at = 0; at < tx->len; at += tx->segment) {
		struct wire_packet p = { .to = *tx->to };

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

int external_open_group(const struct uplink *uplink, unsigned int workers, struct external **ret)
{
	(void)uplink;
	for (unsigned int i = 0; i < workers; i++)
		ret[i] = calloc(1, sizeof(*ret[i]));
	return 0;
}

struct external *external_free(struct external *ext)
{
	free(ext);
	return NULL;
}

int external_fd(const struct external *ext)
{
	(void)ext;
	return -1;
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
	(void)ports;
	return 0;
}

size_t external_recv(struct external *ext, struct train *t, size_t n, uint64_t *drops)
{
	size_t got = 0;

	while (got < n && wire_take(&ext->in, &ext->taken[got])) {
		struct wire_packet *p = &ext->taken[got];
		enum verdict v = train_parse(&t[got], p->data, p->len, CSUM_UNCHECKED);

		if (v == PASS)
			got++;
		else
			drops[v]++;
	}
	return got;
}

enum verdict external_send(struct external *ext, const struct train *t)
{
	struct wire_packet p = { .len = 0 };
	struct cut cut;

	(void)ext;
	cut_start(&cut, t);
	while ((p.len = cut_next(&cut, p.data, sizeof(p.data))) > 0)
		wire_put(&wire_external_out, &p);
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

/* ---- io/tun.h: a replay has no adapter --------------------------------------------- */

int tun_fd(const struct tun *tun)
{
	(void)tun;
	return -1;
}

size_t tun_recv(struct tun *tun, struct train *t, size_t n, uint64_t *drops)
{
	(void)tun;
	(void)t;
	(void)n;
	(void)drops;
	return 0;
}

enum verdict tun_send(struct tun *tun, const struct train *t)
{
	(void)tun;
	(void)t;
	return DROP_HOST_SEND;
}
